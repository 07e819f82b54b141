// A whole server in this process, on a folder of its own, with a clock whose hands the test turns.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createLogger, type Logger } from '../../src/base/log.ts';
import { authorityPaths, createHierarchy } from '../../src/server/ca/hierarchy.ts';
import { loadConfig } from '../../src/server/config.ts';
import { pathsIn, type DataPaths } from '../../src/server/data-folder.ts';
import { deviceDocument, type DeviceDocument } from '../../src/server/device-document.ts';
import { init } from '../../src/server/init.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { startServer, type RunningServer } from '../../src/server/main.ts';
import {
  connected,
  enrol,
  get,
  isIdentity,
  post,
  type Answer,
  type EnrolOptions,
  type Identity,
  type Target,
  type TestLink,
} from './test-agent.ts';

export type Rig = {
  target: Target;
  server: RunningServer;
  folder: string;
  paths: DataPaths;
  clock: TestClock;
  admin: { get(path: string): Promise<Answer>; post(path: string, body?: unknown): Promise<Answer> };
  token(wanted?: object): Promise<string>;
  device(options?: EnrolOptions): Promise<Identity>;
  /** Enrols with a token; refused is an error. */
  enrol(token: string, options?: EnrolOptions): Promise<Identity>;
  /** Enrols with a token: the status, or the refusal's code. */
  enrolCode(token: string, options?: EnrolOptions): Promise<unknown>;
  /** A new device, connected. */
  link(options?: EnrolOptions): Promise<TestLink>;
  document(device: string): Promise<DeviceDocument>;
  /** The audit record: `actor action subject` of each entry, oldest first. */
  audit(): Promise<string[]>;
  restart(): Promise<void>;
  close(): Promise<void>;
};

/** The system's clock, moved by `advance`; whoever sleeps until a moment that is past then wakes at once. */
export type TestClock = Clock & { advance(ms: number): void };

export function testClock(): TestClock {
  let offset = 0;
  const sleepers = new Set<{ until: number; wake(): void }>();
  const now = () => systemClock.now() + offset;
  return {
    now,
    monotonic: () => systemClock.monotonic() + offset,
    async sleep(ms, signal) {
      const woken = new AbortController();
      const sleeper = { until: now() + ms, wake: () => woken.abort() };
      sleepers.add(sleeper);
      const either = signal === undefined ? woken.signal : AbortSignal.any([woken.signal, signal]);
      await systemClock.sleep(ms, either).catch(() => {});
      sleepers.delete(sleeper);
      signal?.throwIfAborted();
    },
    advance(ms) {
      offset += ms;
      for (const sleeper of sleepers) if (sleeper.until <= now()) sleeper.wake();
    },
  };
}

export type RigOptions = {
  settings?: object;
  policy?: string;
  log?: Logger;
  /** With an authority of its own that gives certificates. */
  authority?: boolean;
};

/** Has to be closed. */
export async function startRig({
  settings = {},
  policy,
  log = createLogger('server', 'silent'),
  authority = false,
}: RigOptions = {}): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-server-'));
  const paths = pathsIn(folder);
  await init(folder, { names: [], now: Date.now(), port: 0 });
  // YAML is a superset of JSON.
  const common = { listen: { port: 0 }, limits: { enrolmentsPerMinute: 1_000, pendingPerAddress: 100 } };
  await writeFile(paths.config, JSON.stringify({ ...common, ...settings }));
  if (policy !== undefined) await writeFile(paths.policy, policy);
  if (authority) {
    const wanted = { organisation: 'Test', now: Date.now(), bits: 2_048 };
    await createHierarchy(authorityPaths(folder), join(folder, 'root'), wanted);
  }
  const clock = testClock();
  const config = await loadConfig(paths.config);
  if (!config.ok) throw new Error(config.error);
  const start = () => startServer(config.value, { clock, log });
  const server = await start();
  const target = { url: server.url, ca: await readFile(paths.tlsCa, 'utf8') };
  const authorization = `Bearer ${(await readFile(paths.adminToken, 'utf8')).trim()}`;
  const rig: Rig = {
    target,
    server,
    folder,
    paths,
    clock,
    admin: {
      get: (path) => get(rig.target, path, { authorization }),
      post: (path, body = {}) => post(rig.target, path, body, { authorization }),
    },
    async token(wanted = {}) {
      return String((await rig.admin.post('/v1/tokens', wanted)).body.token);
    },
    async device(options) {
      return rig.enrol(await rig.token(), options);
    },
    async enrol(token, options = {}) {
      const answer = await enrol(rig.target, token, { now: clock.now, ...options });
      if (!isIdentity(answer)) throw new Error(JSON.stringify(answer));
      return answer;
    },
    async enrolCode(token, options = {}) {
      const answer = await enrol(rig.target, token, { now: clock.now, ...options });
      return isIdentity(answer) ? answer.status : answer.body.err;
    },
    async link(options) {
      return connected(rig.target, await rig.device(options));
    },
    async document(device) {
      return deviceDocument.parse((await rig.admin.get(`/v1/devices/${device}`)).body);
    },
    async audit() {
      const store = await openSqlite(paths.database);
      const rows = await store.read((db) => db.selectFrom('audit').selectAll().orderBy('id').execute());
      await store.close();
      return rows.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`);
    },
    async restart() {
      await rig.server.close();
      rig.server = await start();
      rig.target = { ...rig.target, url: rig.server.url };
    },
    async close() {
      await rig.server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return rig;
}

/** Asks until the answer satisfies; fails after five seconds. */
export async function expectEventually<T>(
  ask: () => Promise<T> | T,
  isGood: (answer: T) => boolean,
  ms = 15_000,
): Promise<T> {
  const until = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (isGood(answer)) return answer;
    if (Date.now() > until) throw new Error(`not in time: ${JSON.stringify(answer).slice(0, 1_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
