import { Owner } from './owner.ts';
import { RIG_FOLDER } from './rig.ts';

let owner: Owner | undefined;

/** One guest for a whole test run: the workers find it by the environment. */
export async function setup(): Promise<void> {
  if (process.env[RIG_FOLDER] !== undefined) return;
  owner = new Owner();
  try {
    await owner.start();
  } catch (error) {
    await owner.stop();
    throw error;
  }
  process.env[RIG_FOLDER] = owner.folder;
}

export async function teardown(): Promise<void> {
  await owner?.stop();
}
