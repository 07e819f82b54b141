import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../../packaging/build/bundle.ts';
import { parts } from '../../packaging/build/parts.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createTrayClient, type TrayClient } from '../../src/tray/client.ts';
import { connectUnix } from '../../src/tray/connect-unix.ts';
import { INKS } from '../../src/tray/icon.ts';
import { traySocket } from '../../src/wire/tray-address.ts';
import type { Colour } from '../../src/wire/tray.ts';
import { canIsolate } from '../support/namespaces.ts';
import { Desktop, desktopPrograms, findColour } from '../support/desktop.ts';
import { startTrayStack, type TrayStack } from '../support/tray-stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { percentile, ratio, type Bench, type BenchReport, type Measure } from './report.ts';

const ROUNDS = 20;
const GOAL_MS = 5_000;
/** Milliseconds after which a program that was started has settled. */
const SETTLED_MS = 20_000;
const root = join(import.meta.dirname, '../..');

/** Memory of a process, in MiB. */
type Memory = { private: number; pss: number; rss: number };

export const bench: Bench = {
  what: `Memory of tray and agent together, and ${ROUNDS} times from a mended firewall to green`,
  async run() {
    const missing = desktopPrograms.filter((file) => !existsSync(file));
    if (!canIsolate() || missing.length > 0)
      throw new Error(
        `needs root, nftables and ${missing.join(', ') || 'network namespaces'} (npm test installs them)`,
      );
    const program = await writeBundle();
    const desktop = new Desktop();
    const stack = await startTrayStack(program);
    try {
      await desktop.open();
      return await measure(stack, desktop, program);
    } finally {
      await desktop.close();
      await stack.close();
      rmSync(join(root, 'dist/bench'), { recursive: true, force: true });
    }
  },
};

/** One program for both, and the flags with which they are installed. It lies as deep as the sources, where it looks for its files. */
async function writeBundle(): Promise<string[]> {
  const { code } = await bundle(root, 'packaging/entries/drawbridge.ts');
  const folder = join(root, 'dist/bench');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of code) writeFileSync(join(folder, name), text);
  return [...(parts.find(({ name }) => name === 'drawbridge')?.execArgv ?? []), join(folder, 'main.cjs')];
}

async function measure(stack: TrayStack, desktop: Desktop, program: readonly string[]): Promise<BenchReport> {
  const tray = desktop.start('tray', process.execPath, [...program, 'tray', '--folder', stack.folder]);
  const uid = process.getuid?.() ?? 0;
  const client = createTrayClient(connectUnix(traySocket(stack.folder, uid), uid), systemClock);
  const control = new AbortController();
  const running = client.run(control.signal);
  await waitFor('the first decision', () => client.status?.colour === 'red', 120);
  await systemClock.sleep(SETTLED_MS);
  const pids = { tray: tray.pid ?? 0, agent: stack.agent.pid ?? 0 };
  const memory = { tray: memoryOf(pids.tray), agent: memoryOf(pids.agent) };
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await mend(stack, client, desktop));
  control.abort();
  await running;
  return reportOf(memory, times, memoryOf(pids.tray));
}

type Times = { status: number; icon: number };

/** Turns the firewall on and says so, as the button does; then off again for the next round. */
async function mend(stack: TrayStack, client: TrayClient, desktop: Desktop): Promise<Times> {
  await shows(client, 'red');
  await waitFor('a red icon', () => findColour(desktop.look(), INKS.red.fill));
  const start = performance.now();
  stack.turnFirewall('on');
  const asked = client.ask({ verb: 'recheck', check: 'firewall' });
  await shows(client, 'green');
  const status = performance.now() - start;
  await waitFor('a green icon', () => findColour(desktop.look(), INKS.green.fill));
  const icon = performance.now() - start;
  await asked;
  stack.turnFirewall('off');
  // More often than a person may ask: the next round waits for its turn.
  await systemClock.sleep(5_000);
  await client.ask({ verb: 'recheck', check: 'firewall' });
  await systemClock.sleep(5_000);
  return { status, icon };
}

/** By the client's own word of it, so that nothing is lost to looking. */
async function shows(client: TrayClient, colour: Colour): Promise<void> {
  if (client.status?.colour === colour) return;
  let stop = () => {};
  const seen = new Promise<void>((resolve) => {
    stop = client.watch((status) => status?.colour === colour && resolve());
  });
  const late = new AbortController();
  const tooLate = systemClock.sleep(60_000, late.signal).then(() => {
    throw new Error(`not ${colour} within a minute, but ${client.status?.because ?? 'without an agent'}`);
  });
  tooLate.catch(() => {});
  await Promise.race([seen, tooLate]);
  late.abort();
  stop();
}

function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  return { private: mib('Private_Clean') + mib('Private_Dirty'), pss: mib('Pss'), rss: mib('Rss') };
}

function reportOf(memory: Record<'tray' | 'agent', Memory>, times: Times[], after: Memory): BenchReport {
  const sizes = (['tray', 'agent'] as const).flatMap((who) =>
    (['private', 'pss', 'rss'] as const).map((kind): Measure => ({
      what: `${who}, ${kind}`,
      value: memory[who][kind],
      unit: 'MiB',
    })),
  );
  const waits = (['status', 'icon'] as const).flatMap((what) =>
    [0.5, 0.95].map((p): Measure => {
      const value = percentile(
        times.map((one) => one[what]),
        p,
      );
      return {
        what: `mended to green ${what === 'status' ? 'word of the agent' : 'icon'}, p${p * 100}`,
        value,
        unit: 'ms',
      };
    }),
  );
  const worst = percentile(
    times.map(({ icon }) => icon),
    0.95,
  );
  const [tray, , , agent] = sizes as [Measure, Measure, Measure, Measure];
  return {
    measures: [
      ...sizes,
      { what: 'tray, private, after all rounds', value: after.private, unit: 'MiB' },
      ...waits,
    ],
    ratios: [ratio('private memory', tray, agent)],
    goals: [
      {
        what: 'p95 from mending to a green icon',
        goal: `${GOAL_MS} ms`,
        value: `${worst.toFixed(0)} ms`,
        met: worst < GOAL_MS,
      },
    ],
    notes: [
      'Agent and tray run from one bundled file under the same Node, beside a real server; the icon is looked for on the screen of a real panel.',
    ],
  };
}
