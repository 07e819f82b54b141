// What it costs to sign, by where the key is kept, and what that comes to in an hour.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDefaultPolicy } from '../../src/agent/judgement.ts';
import { createKeys, openKeys, type KeyHome, type KeyStoreKind } from '../../src/agent/key-choice.ts';
import { sessionSigner, type KeyStore } from '../../src/agent/keys.ts';
import { install, isRoot, testNeeds } from '../needs.ts';
import { startSoftwareTpm } from '../support/software-tpm.ts';
import { percentile, ratio, type Bench, type BenchReport, type Measure } from './report.ts';

const ROUNDS = 40;
const WARM_UP = 3;

/** A busy hour of a report key: it signs when a connection opens, and each receipt of an order (received, done). */
const CONNECTIONS = 4;
const RECEIPTS = 8;
const COLLECTIONS = 12;
const HOUR_S = 3_600;
/** One per cent of one processor, which is far more than a key should take. */
const GOAL_S = 36;

export const bench: Bench = {
  what: 'Signing: TPM 2.0 (swtpm), systemd-creds, file',
  async run() {
    const missing = install(testNeeds.filter((need) => /^(swtpm|tpm2-tools|systemd)$/.test(need.package)));
    const folder = mkdtempSync(join(tmpdir(), 'drawbridge-keys-'));
    const chip = mkdtempSync(join(tmpdir(), 'drawbridge-chip-'));
    const tpm = existsSync('/usr/bin/swtpm') ? await startSoftwareTpm(chip) : null;
    try {
      return await measure({ stateDir: folder, tcti: tpm?.tcti ?? 'device:/dev/tpmrm0' }, missing);
    } finally {
      await tpm?.stop();
      for (const path of [folder, chip]) rmSync(path, { recursive: true, force: true });
    }
  },
};

async function measure(home: KeyHome, missing: string[]): Promise<BenchReport> {
  const kinds: KeyStoreKind[] = isRoot ? ['tpm', 'systemd-creds', 'file'] : ['tpm', 'file'];
  const costs: Cost[] = [];
  for (const kind of kinds) costs.push(await costOf(kind, home));
  const session = await sessionCost();
  const { everySeconds } = (await loadDefaultPolicy()).heartbeat;
  const hours = costs.map((cost) => hourOf(cost, session.cpuMs, everySeconds));
  const opened = new Map(costs.map((cost) => [cost.kind, cost.opened]));
  const [tpm, file] = [opened.get('tpm'), opened.get('file')];
  return {
    measures: [...costs.flatMap(({ opened: first, warm }) => [first, warm]), session.latency, ...hours],
    ratios: tpm && file ? [ratio('a connection’s signature', tpm, file)] : [],
    goals: hours.map((hour) => ({
      what: hour.what,
      goal: `under ${GOAL_S} s (1 % of a processor)`,
      value: `${hour.value.toFixed(2)} s`,
      met: hour.value < GOAL_S,
    })),
    notes: [
      ...missing,
      ...(isRoot ? [] : ['Not root: systemd-creds was left out.']),
      `Median of ${ROUNDS}, the 95th percentile in the note. CPU is ours and the tools’, not the chip’s own. An hour: ` +
        `${CONNECTIONS} connections and ${RECEIPTS} receipts by the report key; heartbeats every ` +
        `${everySeconds} s and ${COLLECTIONS} reports by session keys in memory.`,
      'swtpm is a program: a real chip answers many times slower, and takes none of this processor’s time for it.',
    ],
  };
}

type Cost = { kind: KeyStoreKind; opened: Measure; warm: Measure; openedCpuMs: number; warmCpuMs: number };

/** As a new connection does it (keys are opened, then sign), and once more with the same keys. */
async function costOf(kind: KeyStoreKind, home: KeyHome): Promise<Cost> {
  await createKeys({ wanted: kind, home, platform: 'linux', isRoot, hasSession: false });
  const open = async (): Promise<KeyStore> => {
    const keys = await openKeys({ kind, slot: 'a' }, home);
    if (keys === null) throw new Error(`${kind}: no keys`);
    return keys;
  };
  const opened = await timed(async () => void (await (await open()).sign(REPORT)));
  const keys = await open();
  const warm = await timed(async () => void (await keys.sign(REPORT)));
  return {
    kind,
    opened: latency(`${kind}: open and sign`, opened),
    warm: latency(`${kind}: sign again`, warm),
    openedCpuMs: opened.cpuMs,
    warmCpuMs: warm.cpuMs,
  };
}

/** About what a full report has. */
const REPORT = new Uint8Array(16 * 1024);

async function sessionCost(): Promise<{ latency: Measure; cpuMs: number }> {
  const signer = await sessionSigner();
  const cost = await timed(async () => void (await signer.sign(REPORT)));
  return { latency: latency('session key, in memory: sign', cost), cpuMs: cost.cpuMs };
}

type Timed = { ms: number[]; cpuMs: number };

async function timed(work: () => Promise<void>): Promise<Timed> {
  for (let round = 0; round < WARM_UP; round += 1) await work();
  const before = cpuMs();
  const ms: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = performance.now();
    await work();
    ms.push(performance.now() - started);
  }
  return { ms, cpuMs: (cpuMs() - before) / ROUNDS };
}

const TICK_MS = 10;

/** Milliseconds of processor time of this process and of the programs that it has run and waited for (proc(5)). */
function cpuMs(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) * TICK_MS;
}

function latency(what: string, { ms, cpuMs: cpu }: Timed): Measure {
  const note = `p95 ${percentile(ms, 0.95).toFixed(1)} ms; CPU ${cpu.toFixed(1)} ms`;
  return { what, value: percentile(ms, 0.5), unit: 'ms', note };
}

function hourOf({ kind, openedCpuMs, warmCpuMs }: Cost, sessionMs: number, heartbeatS: number): Measure {
  const frames = HOUR_S / heartbeatS + COLLECTIONS;
  const ms = CONNECTIONS * openedCpuMs + RECEIPTS * warmCpuMs + frames * sessionMs;
  const percent = ms / 10 / HOUR_S;
  return {
    what: `${kind}: CPU an hour`,
    value: ms / 1_000,
    unit: 's',
    note: `${percent.toFixed(4)} % of one processor`,
  };
}
