import type { Filter } from './config.ts';
import { keyOf, listSessions, type PppSession } from './ppp.ts';
import { applyTable, renderTable, type Filtered } from './quarantine.ts';

/** Which filter holds which session now: what the login said, or the last CoA. */
export type SessionBook = {
  sessions(): Promise<PppSession[]>;
  /** Brings rules and book in line with the sessions that are there: new ones get their login's filter. */
  reconcile(): Promise<void>;
  /** Moves a session to another filter; resolves once the kernel has it. */
  move(session: PppSession, filter: string): Promise<void>;
  /** For the state file: filters by session. */
  moved(): Record<string, string>;
};

export type SessionBookParts = {
  runDir: string;
  filters: Readonly<Record<string, Filter>>;
  /** As it was when the helper last ran. */
  moved: Readonly<Record<string, string>>;
  /** Called before rules change, so that a restart knows. */
  keep(): Promise<void>;
};

export function createSessionBook({ runDir, filters, moved: before, keep }: SessionBookParts): SessionBook {
  const moved = new Map(Object.entries(before));
  let inForce = '';
  // One change of the table at a time, each from what is true then.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };

  async function apply(): Promise<void> {
    const sessions = await listSessions(runDir);
    const live = new Set(sessions.map(keyOf));
    for (const key of moved.keys()) if (!live.has(key)) moved.delete(key);
    const held = sessions.map((one): Filtered => ({ ...one, filter: moved.get(keyOf(one)) ?? one.filterId }));
    const script = renderTable(
      filters,
      held.toSorted((a, b) => a.unit - b.unit),
    );
    if (script === inForce) return;
    await applyTable(script);
    inForce = script;
  }

  return {
    sessions: () => listSessions(runDir),
    reconcile: () => inTurn(apply),
    move: (session, filter) =>
      inTurn(async () => {
        moved.set(keyOf(session), filter);
        await keep();
        await apply();
      }),
    moved: () => Object.fromEntries(moved),
  };
}
