import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createInventory, readInventory } from '../../src/agent/inventory.ts';
import { systemClock } from '../../src/base/clock.ts';
import { runOurs } from '../../src/base/exec.ts';
import { inventory, type Inventory } from '../../src/wire/inventory.ts';
import { connected, PATIENT, temporaryFolder } from './harness.ts';

const isRoot = process.getuid?.() === 0;
const signal = new AbortController().signal;

const laptop: Inventory = {
  manufacturer: 'LENOVO',
  model: '21CB000GGE',
  cpu: 'Intel Core™ i7-1260P',
  memoryBytes: 34_359_738_368,
  virtual: false,
  chassis: 'Notebook',
};

/** What comes of a child that consists of this script. */
async function readFrom(source: string, ending: AbortSignal = signal): Promise<Inventory | null> {
  const folder = await temporaryFolder();
  const script = join(folder, 'child.mjs');
  await chmod(folder, 0o755);
  await writeFile(script, source);
  return readInventory(ending, script);
}

const printing = (value: unknown) => `process.stdout.write(${JSON.stringify(JSON.stringify(value))})`;

describe('this computer', () => {
  // Not as nobody, who may not be able to read a checkout.
  test('is described without anything that identifies it', async () => {
    const { stdout, code } = await runOurs(join(import.meta.dirname, '../../src/cli/inventory-child.ts'), []);
    const found = inventory.parse(JSON.parse(stdout));
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(stdout))).toEqual(Object.keys(laptop));
    expect(found.memoryBytes).toBeGreaterThan(2 ** 27);
  });
});

describe('a child', () => {
  test('that knows little says so', async () => {
    const nothing = Object.fromEntries(Object.keys(laptop).map((key) => [key, null]));
    expect(await readFrom(printing(nothing))).toEqual(nothing);
    expect(await readFrom(printing(laptop))).toEqual(laptop);
  });

  test('that says more than it was asked is not quoted', async () => {
    expect(await readFrom(printing({ ...laptop, serial: 'PF3ABCDE', users: ['alice'] }))).toEqual(laptop);
  });

  test.each([
    ['crashes', 'throw new Error("no")'],
    ['prints and crashes', `${printing(laptop)}; process.exitCode = 1`],
    ['prints nothing', ''],
    ['prints no JSON', 'console.log("LENOVO")'],
    ['prints another shape', printing([laptop])],
    ['leaves something out', printing({ ...laptop, model: undefined })],
    ['lies about sizes', printing({ ...laptop, memoryBytes: 1e300 })],
    ['uses control characters', printing({ ...laptop, model: 'A\u001B[2J' })],
    ['uses endless names', printing({ ...laptop, model: 'A'.repeat(101) })],
    ['floods', 'setInterval(() => process.stdout.write("x".repeat(65536)), 0)'],
  ])('that %s is no inventory', async (_what, source) => {
    expect(await readFrom(source)).toBeNull();
  });

  test('that hangs ends with the agent', async () => {
    const control = new AbortController();
    setTimeout(() => control.abort(), 200);
    expect(await readFrom('setInterval(() => {}, 1000)', control.signal)).toBeNull();
  });

  test('that is not there is no inventory', async () => {
    expect(await readInventory(signal, '/nowhere/child.mjs')).toBeNull();
  });

  test.runIf(isRoot)('has no rights and no environment of ours', async () => {
    process.env.DRAWBRIDGE_LEAK = 'yes';
    const source = `const ours = process.getuid() === 65534 && process.getgid() === 65534 && !process.env.DRAWBRIDGE_LEAK;
      const said = ${JSON.stringify(laptop)};
      process.stdout.write(JSON.stringify({ ...said, virtual: ours }))`;
    const found = await readFrom(source);
    delete process.env.DRAWBRIDGE_LEAK;
    expect(found?.virtual).toBe(true);
  });
});

describe('the agent', () => {
  test('reads at the start and daily, and keeps what it had when reading fails', async () => {
    const answers = [laptop, null, { ...laptop, memoryBytes: 2 ** 34 }];
    const told: Inventory[] = [];
    const slept: number[] = [];
    const control = new AbortController();
    const clock = {
      ...systemClock,
      async sleep(ms: number) {
        slept.push(ms);
        if (slept.length === answers.length) control.abort();
      },
    };
    const read = async () => answers[slept.length] ?? null;
    await createInventory({ read, clock, onRead: (found) => told.push(found) }).run(control.signal);
    expect(told.map(({ memoryBytes }) => memoryBytes)).toEqual([laptop.memoryBytes, 2 ** 34]);
    expect(slept).toEqual([86_400_000, 86_400_000, 86_400_000]);
  });

  test('stops at once while it waits for the next day', async () => {
    const control = new AbortController();
    const read = async () => null;
    const ended = createInventory({ read, clock: systemClock, onRead: () => {} }).run(control.signal);
    await systemClock.sleep(10);
    control.abort();
    expect(await ended).toBeUndefined();
  });

  test('tells it in full reports only, and in the status file', async () => {
    const { server, agent } = await connected(
      { welcome: { full_s: 0.3, heartbeat_s: 0.1 } },
      { everySeconds: 0.2, readInventory: async () => laptop },
    );
    await expect.poll(async () => (await agent.status())?.inventory, PATIENT).toEqual(laptop);
    const kindsOf = (known: boolean) =>
      new Set(
        server.reports.filter((one) => (one.inventory !== undefined) === known).map(({ kind }) => kind),
      );
    await expect.poll(() => kindsOf(true), PATIENT).toEqual(new Set(['full']));
    await expect.poll(() => kindsOf(false), PATIENT).toContain('heartbeat');
    expect(server.reports.find((one) => one.inventory !== undefined)?.inventory).toEqual(laptop);
  });
});

test('names are trimmed', () => {
  expect(inventory.parse({ ...laptop, model: ' X1 ' }).model).toBe('X1');
});
