import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeTls } from '../agent/certificates.ts';
import { healthyReadings } from '../server/fixtures.ts';
import { gatewayCredential } from '../server/gateway.ts';
import { connected, enrol, isIdentity, type TestLink } from '../server/test-agent.ts';
import { bareSyncs } from '../support/bare-syncs.ts';
import { freeTcpPort, PASSWORD, SECRET, startFreeradius, type Freeradius } from '../support/freeradius.ts';
import { radiusClient, type RadiusClient } from '../support/radius-client.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';
import { percentile, ratio, type Bench, type BenchReport, type Measure } from './report.ts';

const ROUNDS = 12;
const LOGINS = 100;
const WARM_UP = 100;
const AT_A_TIME = 32;
const BURST = 2_000;
const OUTAGES = 5;
const GOAL = 1.3;

type Side = { radius: Freeradius; client: RadiusClient; latencies: number[] };

/** Logins through the shipped configuration, against the real server and against one that answers the same always. */
export const bench: Bench = {
  what: `Logins through FreeRADIUS: ${ROUNDS} rounds of ${LOGINS}, real server and constant answer in turn; bursts; ${OUTAGES} outages`,
  async run() {
    const stack = await startStack();
    try {
      const { real, constant } = stack;
      const syncs: number[] = [];
      for (const side of [real, constant]) await logins(side, WARM_UP);
      for (const side of [real, constant]) side.latencies.splice(0);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const side of round % 2 === 0 ? [real, constant] : [constant, real]) await logins(side, LOGINS);
        syncs.push(...bareSyncs(stack.folder.path, LOGINS));
      }
      const rates = { real: await burst(real), constant: await burst(constant) };
      const outages: number[] = [];
      while (outages.length < OUTAGES) outages.push(await outage(stack));
      return reportOf({ real: real.latencies, constant: constant.latencies, syncs, rates, outages });
    } finally {
      await stack.stop();
    }
  },
};

type Stack = {
  folder: ServerFolder;
  server: ServerProcess;
  real: Side;
  constant: Side;
  stop(): Promise<void>;
};

async function startStack(): Promise<Stack> {
  const folder = serverFolder(await freeTcpPort());
  // One device logs in for all: its sessions would otherwise be counted against it.
  appendFileSync(
    join(folder.path, 'server.yaml'),
    'radius: { sessions: { perDevice: 1000, perUser: 1000 } }\n',
  );
  const credential = await gatewayCredential(folder.database);
  const server = await startServerProcess(folder.path);
  const device = await healthyDevice(server, folder.token());
  const other = await constantServer();
  const posture = { urls: [server.target.url], caFile: join(folder.path, 'tls-ca.pem'), credential };
  const real = await side(posture);
  const constant = await side({ urls: [other.url], caFile: other.caFile, credential });
  const stack: Stack = {
    folder,
    server,
    real,
    constant,
    async stop() {
      device.close();
      for (const { radius, client } of [real, constant]) {
        client.close();
        await radius.stop();
      }
      other.stop();
      await stack.server.kill('SIGTERM');
      folder.remove();
    },
  };
  return stack;
}

async function side(posture: { urls: string[]; caFile: string; credential: string }): Promise<Side> {
  // Without a cache of ours every login is the server's.
  const radius = await startFreeradius(posture, { fallback: { lastKnownGoodMinutes: 0 } });
  return { radius, client: await radiusClient(radius.authPort, SECRET), latencies: [] };
}

async function healthyDevice({ target }: ServerProcess, token: string): Promise<TestLink> {
  const identity = await enrol(target, token);
  if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
  const link = await connected(target, identity);
  await link.report({ readings: healthyReadings(new Date().toISOString()) });
  return link;
}

async function constantServer(): Promise<{ url: string; caFile: string; stop(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-constant-'));
  const tls = await makeTls();
  for (const [name, text] of Object.entries(tls)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  const argv = [
    join(import.meta.dirname, '../support/constant-server.ts'),
    join(folder, 'cert'),
    join(folder, 'key'),
  ];
  const child: ChildProcess = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no output');
  const { value: port } = (await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()) as {
    value: string;
  };
  return {
    url: `https://127.0.0.1:${port}`,
    caFile: join(folder, 'ca'),
    stop() {
      child.kill('SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

let user = 0;
async function login({ client }: Side): Promise<boolean> {
  const answer = await client.login(`user${(user = (user + 1) % 50)}`, PASSWORD);
  if (answer?.code !== 2) throw new Error(`not accepted: code ${answer?.code ?? 'none'}`);
  return answer.bytes.includes('posture-full');
}

async function logins(to: Side, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    const started = performance.now();
    await login(to);
    to.latencies.push(performance.now() - started);
  }
}

/** Logins a second with many at a time. */
async function burst(to: Side): Promise<number> {
  const started = performance.now();
  let left = BURST;
  const worker = async () => {
    while (left-- > 0) await login(to);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return BURST / ((performance.now() - started) / 1_000);
}

/** Kills the server, waits for a login by the fallback, and times the first full answer after it listens again. */
async function outage(stack: Stack): Promise<number> {
  await stack.server.kill('SIGKILL');
  if (await login(stack.real)) throw new Error('let in in full without a server');
  stack.server = await startServerProcess(stack.folder.path);
  const listening = performance.now();
  // Its device comes back by itself in life; here it is the server's own answer that counts.
  for (;;) {
    const answer = await stack.real.client.login('user0', PASSWORD);
    if (answer !== null && !answer.bytes.includes('cannot be reached')) return performance.now() - listening;
  }
}

type Found = {
  /** Milliseconds each. */
  real: number[];
  constant: number[];
  syncs: number[];
  outages: number[];
  /** A second. */
  rates: { real: number; constant: number };
};

function reportOf({ real, constant, syncs, rates, outages }: Found): BenchReport {
  const measure = (what: string, values: number[], p: number): Measure => ({
    what,
    value: percentile(values, p),
    unit: 'ms',
  });
  const p99 = measure('login, 99 of 100', real, 0.99);
  const bare = measure('constant answer, 99 of 100', constant, 0.99);
  const fast: Measure = {
    what: 'decisions',
    value: rates.real,
    unit: '1/s',
    note: `${AT_A_TIME} at a time, each outlives the server`,
  };
  const limit: Measure = { what: 'constant answers', value: rates.constant, unit: '1/s' };
  const sync = measure('bare fsync of 4 KiB, 99 of 100', syncs, 0.99);
  const both: Measure = {
    what: 'constant answer and fsync, 99 of 100',
    value: bare.value + sync.value,
    unit: 'ms',
  };
  const times = ratio('latency, 99 of 100', p99, bare);
  return {
    measures: [
      measure('login, median', real, 0.5),
      measure('login, 95 of 100', real, 0.95),
      p99,
      measure('constant answer, median', constant, 0.5),
      measure('constant answer, 95 of 100', constant, 0.95),
      bare,
      measure('bare fsync of 4 KiB, median', syncs, 0.5),
      sync,
      fast,
      limit,
      { ...measure('recovery, worst', outages, 1), note: 'from listening again to the first answer used' },
    ],
    ratios: [times, ratio('latency beside that and one fsync', p99, both), ratio('throughput', fast, limit)],
    goals: [
      {
        what: 'latency beside a constant answer',
        goal: `≤ ${GOAL} times`,
        value: `${times.value.toFixed(2)} times`,
        met: times.value <= GOAL,
      },
    ],
    notes: [
      'FreeRADIUS, both servers and the client share this machine; every decision outlives the server before it is said, and is on disk a moment later.',
    ],
  };
}
