import { Worker } from 'node:worker_threads';

/**
 * Copies SQLite's log into the database from another thread, so that no commit waits for that and its three `fsync`.
 * The connection that writes does the rest when the log is long, and all of it should the thread fail. Has to be closed.
 */
export type Checkpoints = { committed(): void; close(): Promise<void> };

/** Commits after which it is looked whether there is enough to copy. */
const EVERY = 64;
/** Pages of the log that are worth two `fsync`. */
const WORTH = 500;

/** Plain JavaScript, and text: a packaged server has no file of its own for a thread to start from. */
const SCRIPT = `
const { parentPort, workerData } = require('node:worker_threads');
const { DatabaseSync } = require('node:sqlite');
const database = new DatabaseSync(workerData.file);
const look = database.prepare('pragma wal_checkpoint(noop)');
const copy = database.prepare('pragma wal_checkpoint(passive)');
parentPort.on('message', (isOpen) => {
  if (isOpen) {
    const { log, checkpointed } = look.get();
    if (log - checkpointed >= workerData.worth) copy.get();
    return;
  }
  database.close();
  parentPort.close();
});
`;

/** The thread starts with the first copy that may be due: a command that writes little needs none. */
export function checkpointsOf(file: string): Checkpoints {
  let thread: Worker | null = null;
  let commits = 0;
  const start = () => {
    const started = new Worker(SCRIPT, { eval: true, workerData: { file, worth: WORTH } });
    started.unref();
    // The next one may do better; until then the log is copied by whoever writes.
    started.on('error', () => {});
    started.once('exit', () => void (thread = null));
    return started;
  };
  return {
    committed() {
      commits += 1;
      if (commits % EVERY === 0) (thread ??= start()).postMessage(true, []);
    },
    async close() {
      const last = thread;
      if (last === null) return;
      const ended = new Promise<void>((resolve) => last.once('exit', () => resolve()));
      last.ref();
      last.postMessage(false, []);
      await ended;
    },
  };
}
