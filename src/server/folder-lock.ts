import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../base/errors.ts';
import { StartError } from './start-error.ts';

/**
 * Makes sure that one server alone works in a data folder: what it holds in memory has to agree with the database.
 * The lock is SQLite's own on an empty file, which the system drops with the process however that ends.
 */
export function lockFolder(folder: string): { release(): void } {
  const lock = openLock(folder);
  try {
    lock.exec('begin exclusive');
  } catch {
    lock.close();
    throw new StartError(
      `Another server works in ${folder} already. Stop it first, or give this one a folder of its own.`,
    );
  }
  return { release: () => lock.close() };
}

function openLock(folder: string): DatabaseSync {
  try {
    return new DatabaseSync(join(folder, 'server.lock'), { timeout: 0 });
  } catch (error) {
    const why = messageOf(error);
    throw new StartError(
      `${folder} cannot be written (${why}). The server needs a data folder of its own user.`,
    );
  }
}
