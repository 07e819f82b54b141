import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Rig, startRig } from './rig.ts';

let rig: Rig | undefined;

/** The rig of this run. */
export function theRig(): Rig {
  if (rig === undefined) throw new Error('theRig() is for tests and hooks, not for the top of a file');
  return rig;
}

beforeAll(async () => {
  rig ??= await startRig();
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const name = task.name.replaceAll(/[^\w-]+/g, '-').slice(0, 80);
  await theRig().keepLogs(join(import.meta.dirname, '../../test-output/rig', name));
});

afterAll(async () => {
  await rig?.stop();
  rig = undefined;
});
