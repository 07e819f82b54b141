/** A file of the machine's, in the share: it outlives the guest. */
export const TOLD = '/share/told';

/** What the programs in the guest had been told to be on disk when the plug was pulled. */
export type Told = {
  stored: string[];
  spooled: string[];
  removing: string[];
  removed: string[];
  begun: number;
  finished: number;
};

/** Lines `stored ID`; one that was cut off in the middle had not been told. */
export function acknowledgedIn(text: string): Told {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const of = (what: string) =>
    lines.flatMap((line) => (line.startsWith(`${what} `) ? [line.slice(what.length + 1)] : []));
  const last = (what: string) => Number(of(what).at(-1) ?? 0);
  return {
    stored: of('stored'),
    spooled: of('spooled'),
    removing: of('removing'),
    removed: of('removed'),
    begun: last('begun'),
    finished: last('finished'),
  };
}

/** What was there after the next start. */
export type Found = {
  integrity: string;
  reports: number;
  /** Acknowledged reports that are not there exactly once. */
  notStored: number;
  notSpooled: number;
  removedButThere: number;
  lastOrder: number;
  /** Which order's holder stands. */
  held: string | null;
  newest: { finished: boolean } | null;
  unflushed: number;
};
