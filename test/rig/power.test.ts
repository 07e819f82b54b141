import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { serverFolder } from '../support/server-process.ts';
import { bundle } from './bundle.ts';
import { theRig } from './each.ts';
import { CHECKOUT, NODE_JS } from './node.ts';
import { acknowledgedIn, type Found } from './power.ts';

const DATA = '/run/data';
const PROGRAM = '/opt/power-child.mjs';
const DEVICES = 3;
/** Of each kind, before the plug is pulled. */
const ENOUGH = 40;

afterAll(async () => {
  await theRig().guest.exec(`umount ${DATA}`);
});

test('when the plug is pulled in the middle of writes, everything that was acknowledged is on disk', async () => {
  const rig = theRig();
  // Whatever other tests have left running would take its time from it.
  await rig.reset();
  const tokens = prepare(join(rig.folder, 'share/power'));
  await rig.guest.must(
    `set -e; mkdir -p ${DATA}; mke2fs -q -F -t ext4 /dev/data; mount /dev/data ${DATA}
     mkdir -m 700 ${DATA}/agent; cp -a /share/power ${DATA}/server; rm -r /share/power; sync`,
  );
  const start = [`${CHECKOUT}/src/cli/drawbridge-server.ts`, 'start', '--data', `${DATA}/server`, '--json'];
  const server = await rig.guest.spawn('server', [NODE_JS, ...start]);
  await server.said('"ready"', 240);
  await install();
  const load = await rig.guest.spawn('load', [NODE_JS, PROGRAM, 'load', ...folders, ...tokens]);
  const told = () => acknowledgedIn(readFileSync(join(rig.folder, 'share/told'), 'utf8'));
  await rig.guest.waitFor(
    `for what in stored spooled finished; do [ $(grep -c "^$what " /share/told) -ge ${ENOUGH} ] || return 1; done`,
    240,
  );
  expect(await load.log()).toBe('');

  await rig.crash();

  await rig.guest.must(`mkdir -p ${DATA}; mount /dev/data ${DATA}`);
  await install();
  const found = JSON.parse(await rig.guest.must([NODE_JS, PROGRAM, 'look', ...folders])) as Found;
  const { stored, begun, finished } = told();
  expect(found).toMatchObject({ integrity: 'ok', notStored: 0, notSpooled: 0, removedButThere: 0 });
  expect(found.reports).toBeGreaterThanOrEqual(stored.length);
  expect(found.lastOrder).toBeGreaterThanOrEqual(begun);
  // The one after may have reached the disk before anybody was told.
  expect(found.lastOrder).toBeLessThanOrEqual(begun + 1);
  expect(found.held).toBe(String(found.lastOrder));
  if (found.lastOrder === finished) expect(found.newest).toEqual({ finished: true });
  // The control: it was a power cut, and what nobody flushed is gone.
  expect(found.unflushed).toBeLessThan(stored.length);

  async function install(): Promise<void> {
    await rig.guest.write({ [PROGRAM]: await bundle('power-child.ts') });
  }
}, 400_000);

const folders = [`${DATA}/server`, `${DATA}/agent`];

/** A server's data folder, made on this machine, and enrolment tokens. */
function prepare(to: string): string[] {
  const folder = serverFolder(8_443);
  try {
    const tokens = Array.from({ length: DEVICES }, () => folder.token());
    cpSync(folder.path, to, { recursive: true });
    return tokens;
  } finally {
    folder.remove();
  }
}
