import { DatabaseSync } from 'node:sqlite';
import { checkpointsOf } from './checkpoints.ts';
import { groupCommit, type CommitObserver, type Until } from './group-commit.ts';
import { migrate } from './migrations.ts';
import { executor, kyselyOn } from './node-sqlite.ts';
import { StoreUnavailable, type Store } from './store.ts';
import { flushOf } from './wal-flush.ts';

/** SQLite's primary result codes after which a transaction cannot go on: what is wrong is not the statement. */
const FATAL = new Set([
  5, // BUSY: another process holds the write lock for longer than the timeout
  7, // NOMEM
  8, // READONLY
  10, // IOERR
  11, // CORRUPT
  13, // FULL
  14, // CANTOPEN
  26, // NOTADB
]);

/** NORMAL writes the log without waiting for the disk, and syncs it before it is copied into the database. */
const SYNCHRONOUS: Readonly<Record<Until, string>> = {
  disk: 'pragma synchronous = full',
  kernel: 'pragma synchronous = normal',
};

/**
 * From here on a commit copies the log itself, what another thread has left of it, so that the log starts anew: that
 * thread alone never catches up with one that writes on and on.
 */
const LONGEST_LOG_PAGES = 4_000;

/** How long to wait for another process, which never needs more than milliseconds; everything here waits with it. */
const BUSY_TIMEOUT_MS = 500;

/**
 * A store in one SQLite file. `synchronous=FULL` in WAL mode: a commit returns after fsync, so what was confirmed
 * survives a power cut. Writing and reading have a connection each: a reader sees committed rows only.
 */
export async function openSqlite(file: string, observe?: CommitObserver): Promise<Store> {
  const writing = openWriting(file);
  const writer = kyselyOn(writing);
  await migrate(writer);
  const reading = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const reader = kyselyOn(reading);
  const flush = flushOf(`${file}-wal`, () => observe?.({ units: 0, ms: 0, failed: true }));
  const checkpoints = checkpointsOf(file);
  const commits = groupCommit({ exec: executor(writing), waitFor: waiter(writing), isFatal }, (commit) => {
    checkpoints.committed();
    observe?.(commit);
  });
  return {
    write: (unit) => commits.add(() => unit(writer)),
    async note(unit) {
      const value = await commits.add(() => unit(writer), 'kernel');
      flush.soon();
      return value;
    },
    async read(query) {
      try {
        return await query(reader);
      } catch (error) {
        throw isFatal(error) ? new StoreUnavailable(error) : error;
      }
    },
    changedElsewhere: changeDetector(writing),
    async close() {
      await commits.drained();
      await flush.close();
      await checkpoints.close();
      reading.close();
      writing.close();
    },
  };
}

/** SQLite's `data_version` moves with commits of other connections only. */
function changeDetector(database: DatabaseSync): () => Promise<boolean> {
  const statement = database.prepare('pragma data_version');
  const version = () => statement.get()?.data_version;
  let seen = version();
  return async () => {
    const before = seen;
    seen = version();
    return seen !== before;
  };
}

function openWriting(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  database.exec('pragma journal_mode = wal');
  database.exec('pragma synchronous = full');
  database.exec(`pragma wal_autocheckpoint = ${LONGEST_LOG_PAGES}`);
  return database;
}

/** Nobody else sets the level of this connection. */
function waiter(database: DatabaseSync): (until: Until) => void {
  let level: Until | null = null;
  return (until) => {
    if (until === level) return;
    database.exec(SYNCHRONOUS[until]);
    level = until;
  };
}

function isFatal(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : 0;
  // The low byte is the primary code; the rest says which of its kinds.
  return FATAL.has(code & 0xff);
}
