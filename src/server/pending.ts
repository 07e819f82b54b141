/** Counts connections of each address that have not yet shown a session, over all transports. */
export type Pending = {
  /** Null when there are too many already; else the function that gives the place back, once. */
  enter(remote: string): (() => void) | null;
};

export function createPending(most: number): Pending {
  const counts = new Map<string, number>();
  const leave = (remote: string) => {
    const count = (counts.get(remote) ?? 1) - 1;
    if (count > 0) counts.set(remote, count);
    else counts.delete(remote);
  };
  return {
    enter(remote) {
      const count = counts.get(remote) ?? 0;
      if (count >= most) return null;
      counts.set(remote, count + 1);
      let isInside = true;
      return () => {
        if (isInside) leave(remote);
        isInside = false;
      };
    },
  };
}
