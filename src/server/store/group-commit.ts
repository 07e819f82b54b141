import { StoreUnavailable } from './store.ts';

/** The connection that writes: one transaction at a time. */
export type Connection = {
  exec(sql: string): void;
  /** Says what the next commit waits for. */
  waitFor?(until: Until): void;
  /** Whether an error means that the whole transaction is lost (disk full, I/O), not only the statement. */
  isFatal(error: unknown): boolean;
};

export type CommitObserver = (commit: { units: number; ms: number; failed: boolean }) => void;

/** `disk`: done once the disk has it. `kernel`: done once it outlives this process; the disk has it within a second or two. */
export type Until = 'disk' | 'kernel';

type Unit = {
  until: Until;
  run(): Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
};
type Outcome = { ok: true; value: unknown } | { ok: false; error: unknown };

/**
 * Collects the units of work of one turn of the event loop into one transaction, so that a single fsync serves them
 * all. Each of several runs inside a savepoint: one that fails undoes only itself. Promises settle after the commit.
 */
export function groupCommit(connection: Connection, observe: CommitObserver = () => {}) {
  let waiting: Unit[] = [];
  let running: Promise<void> | null = null;

  function schedule(): void {
    running ??= new Promise<void>((resolve) => setImmediate(resolve)).then(flush);
  }

  async function flush(): Promise<void> {
    const units = waiting;
    waiting = [];
    const started = performance.now();
    const failed = !(await commitAll(connection, units));
    observe({ units: units.length, ms: performance.now() - started, failed });
    running = null;
    if (waiting.length > 0) schedule();
  }

  return {
    /** Units that wait for the disk share one fsync, also with those that need not. */
    add<T>(run: () => Promise<T>, until: Until = 'disk'): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        waiting.push({ until, run, resolve: resolve as Unit['resolve'], reject });
        schedule();
      });
    },
    /** Resolves when nothing is left to commit. */
    async drained(): Promise<void> {
      for (let commit = running; commit !== null; commit = running) await commit;
    },
  };
}

/** Settles every unit; false when the transaction as a whole failed. */
async function commitAll(connection: Connection, units: readonly Unit[]): Promise<boolean> {
  const outcomes: Outcome[] = [];
  try {
    connection.waitFor?.(units.every(({ until }) => until === 'kernel') ? 'kernel' : 'disk');
    connection.exec('begin immediate');
    const run = units.length === 1 ? runAlone : runInSavepoint;
    for (const unit of units) outcomes.push(await run(connection, unit));
    // One that was alone, and failed, has undone all there was.
    if (units.length > 1 || outcomes[0]?.ok === true) connection.exec('commit');
  } catch (error) {
    rollback(connection);
    const unavailable = new StoreUnavailable(error);
    for (const unit of units) unit.reject(unavailable);
    return false;
  }
  units.forEach((unit, index) => settle(unit, outcomes[index]));
  return true;
}

/** The transaction is its savepoint. */
async function runAlone(connection: Connection, unit: Unit): Promise<Outcome> {
  try {
    return { ok: true, value: await unit.run() };
  } catch (error) {
    if (connection.isFatal(error)) throw error;
    connection.exec('rollback');
    return { ok: false, error };
  }
}

async function runInSavepoint(connection: Connection, unit: Unit): Promise<Outcome> {
  connection.exec('savepoint unit');
  try {
    const value = await unit.run();
    connection.exec('release unit');
    return { ok: true, value };
  } catch (error) {
    if (connection.isFatal(error)) throw error;
    connection.exec('rollback to unit');
    connection.exec('release unit');
    return { ok: false, error };
  }
}

function settle(unit: Unit, outcome: Outcome | undefined): void {
  if (outcome?.ok) unit.resolve(outcome.value);
  else unit.reject(outcome?.error);
}

function rollback(connection: Connection): void {
  try {
    connection.exec('rollback');
  } catch {
    // SQLite has already rolled back by itself, as it does for a full disk.
  }
}
