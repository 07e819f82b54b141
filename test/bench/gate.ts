import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createConnections } from '../../src/server/connections.ts';
import { insertSession } from '../../src/server/store/sessions.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { SessionRow } from '../../src/server/store/tables.ts';
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

const LOGINS = 6_000;
/** Until the optimising compilers of both servers are done. */
const WARM_UP = 2_000;
const SYNCS = 300;
/** Of other users; and as many devices behind other addresses. */
const SESSIONS = 50_000;
const AT_A_TIME = 32;
const BURST = 2_000;
const OUTAGES = 5;
const GOAL = 1.3;

type Side = { radius: Freeradius; client: RadiusClient; latencies: number[] };

/** Logins through the shipped configuration, against the real server and against one that answers the same always. */
export const bench: Bench = {
  what: `Logins through FreeRADIUS: ${LOGINS} each, real server and constant answer in turn; bursts; ${OUTAGES} outages`,
  async run() {
    const stack = await startStack();
    try {
      const { real, constant } = stack;
      await inTurn(real, constant, WARM_UP);
      for (const side of [real, constant]) side.latencies.splice(0);
      await inTurn(real, constant, LOGINS);
      const syncs = bareSyncs(stack.folder.path, SYNCS);
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
  await manySessions(folder.database);
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

async function manySessions(file: string): Promise<void> {
  const store = await openSqlite(file);
  await store.write(async (db) => {
    for (let one = 0; one < SESSIONS; one += 1) await insertSession(db, sessionRow(one));
  });
  await store.close();
}

function sessionRow(one: number): SessionRow {
  const now = Date.now();
  const id = `s${one}`;
  const place = {
    gateway: 'radius-1',
    nas: 'lns-2',
    nas_port: String(one),
    framed_address: id,
    address: null,
  };
  const times = { started_at: now, seen_at: now, ended_at: null, cause: null, expires_at: now + 86_400_000 };
  const login = { login: id, acct_session_id: id, access: 'allow', ceiling: null, device: null };
  return { id, user: `other${one}`, ...place, ...times, ...login, bytes_in: 0, bytes_out: 0 };
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
  // A session of its own, as the real server has: Linux shares the processors out by session first.
  const child: ChildProcess = spawn(process.execPath, argv, {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
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

/** One by one, so that whatever else goes on meets both; each is the first of a pair as often as the other. */
async function inTurn(a: Side, b: Side, count: number): Promise<void> {
  for (let pair = 0; pair < count; pair += 1) {
    for (const side of pair % 2 === 0 ? [a, b] : [b, a]) {
      const started = performance.now();
      await login(side);
      side.latencies.push(performance.now() - started);
    }
  }
}

/** Microseconds to find out who is behind an address, among as many devices as there are sessions. */
function presence(): number {
  const connections = createConnections();
  const addressOf = (one: number) => `10.${one >> 16}.${(one >> 8) & 255}.${one & 255}`;
  const nothing = () => {};
  for (let one = 0; one < SESSIONS; one += 1) {
    const live = { device: `d${one}`, boot: '', remote: addressOf(one), since: 0 };
    connections.take({ ...live, send: nothing, challenge: nothing, close: nothing, drop: nothing });
  }
  const started = performance.now();
  for (let one = 0; one < SESSIONS; one += 1) {
    const [found] = connections.at(addressOf(one));
    if (found?.device !== `d${one}` || connections.leftFrom(addressOf(one)).length > 0)
      throw new Error('not found');
  }
  return ((performance.now() - started) * 1_000) / SESSIONS;
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
  const median = measure('login, median', real, 0.5);
  const middle = measure('constant answer, median', constant, 0.5);
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
      median,
      measure('login, 95 of 100', real, 0.95),
      p99,
      middle,
      measure('constant answer, 95 of 100', constant, 0.95),
      bare,
      measure('bare fsync of 4 KiB, median', syncs, 0.5),
      sync,
      fast,
      limit,
      {
        what: 'who is behind an address',
        value: presence(),
        unit: 'µs',
        note: `among ${SESSIONS.toLocaleString('en')} devices`,
      },
      { ...measure('recovery, worst', outages, 1), note: 'from listening again to the first answer used' },
    ],
    ratios: [
      times,
      ratio('latency, median', median, middle),
      ratio('latency beside that and one fsync', p99, both),
      ratio('throughput', fast, limit),
    ],
    goals: [
      {
        what: 'latency beside a constant answer',
        goal: `≤ ${GOAL} times`,
        value: `${times.value.toFixed(2)} times`,
        met: times.value <= GOAL,
      },
    ],
    notes: [
      `${SESSIONS.toLocaleString('en')} sessions of others are up.`,
      'FreeRADIUS, both servers and the client share this machine; every decision outlives the server before it is said, and is on disk a moment later.',
    ],
  };
}
