/** Runs actions one after the other, in the order in which they were handed over. A failed one does not stop the rest. */
export type Turns = <T>(action: () => Promise<T>) => Promise<T>;

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (action) => {
    const result = last.then(action);
    last = result.catch(() => {});
    return result;
  };
}
