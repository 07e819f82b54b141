import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { runAgent, type AgentOptions } from '../../src/agent/agent.ts';
import { configSchema, type AgentConfig } from '../../src/agent/config-schema.ts';
import type { Managed } from '../../src/agent/managed-kept.ts';
import { enrol } from '../../src/agent/enrol.ts';
import { enrolmentState } from '../../src/agent/enrolment.ts';
import type { KeyHome } from '../../src/agent/key-choice.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { peek, stateFile } from '../../src/agent/state-file.ts';
import { statusSchema, type Status } from '../../src/agent/status.ts';
import type { StopReport } from '../../src/base/actors.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { parseToken, type EnrolmentToken } from '../../src/wire/token.ts';
import type { Readers } from '../../collectors/specs.ts';
import { emptyHost, readersWith } from './machine.ts';
import { TestServer, type TestServerOptions } from './test-server.ts';

export { emptyHost, readersWith } from './machine.ts';

export const quiet = createLogger('test', 'silent');

/** A folder of its own for a test, gone afterwards. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-'));
  // What is still being written beside a test may leave a file at the very last moment.
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return folder;
}

export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await TestServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

export function tokenOf(server: TestServer, id?: string): EnrolmentToken {
  const parsed = parseToken(server.token(id));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export type EnrolChange = { id?: string; again?: boolean; clock?: Clock; url?: string };

/** Where a test's keys are; there is no TPM. */
export function keyHome(stateDir: string): KeyHome {
  return { stateDir, tcti: 'device:/dev/tpmrm99' };
}

/** Enrols a state folder with a test server, with keys in a file. */
export function enrolWith(server: TestServer, stateDir: string, change: EnrolChange = {}) {
  const paths = statePaths(stateDir);
  return enrol({
    route: { url: new URL(change.url ?? server.url), proxy: 'none', env: {} },
    token: tokenOf(server, change.id),
    file: stateFile(paths.enrolment, enrolmentState, quiet),
    keys: { wanted: 'file', home: keyHome(stateDir), platform: 'linux', isRoot: true, hasSession: false },
    host: { name: 'laptop', platform: 'linux', machine_id: null },
    clock: change.clock ?? systemClock,
    again: change.again ?? false,
  });
}

export type RunningAgent = {
  stop(): Promise<StopReport>;
  status(): Promise<Status | null>;
  ended: Promise<StopReport>;
};

export type AgentChange = {
  settings?: Record<string, unknown>;
  /** Below what the settings allow. */
  everySeconds?: number;
  readers?: Readers;
  env?: Record<string, string>;
  log?: ReturnType<typeof createLogger>;
  readInventory?: AgentOptions['readInventory'];
  openVpn?: AgentOptions['openVpn'];
  managed?: Managed;
  openTray?: AgentOptions['openTray'];
};

export function configWith(settings: Record<string, unknown> = {}): AgentConfig {
  return configSchema.parse(settings);
}

/** Runs a whole agent in this process; stopped when the test ends. */
export function startAgent(stateDir: string, change: AgentChange = {}): RunningAgent {
  const control = new AbortController();
  const config = configWith(change.settings);
  const collect = {
    ...config.collect,
    everySeconds: change.everySeconds ?? config.collect.everySeconds,
    // The process of a test is larger and busier than an agent's.
    budget: { cpuPercent: 100, rssMiB: 4_096 },
  };
  const ended = runAgent(
    {
      config: { ...config, collect },
      stateDir,
      version: '1.2.3',
      readers: change.readers ?? readersWith(),
      hosts: () => () => ({ openHost: emptyHost }),
      env: change.env ?? {},
      log: change.log ?? quiet,
      ...(change.readInventory ? { readInventory: change.readInventory } : {}),
      ...(change.managed ? { managed: change.managed } : {}),
      ...(change.openVpn ? { openVpn: change.openVpn } : {}),
      ...(change.openTray ? { openTray: change.openTray } : {}),
    },
    control.signal,
  );
  const stop = () => {
    control.abort();
    return ended;
  };
  onTestFinished(async () => {
    await stop().catch(() => {});
  });
  return { stop, ended, status: () => readStatus(stateDir) };
}

export async function readStatus(stateDir: string): Promise<Status | null> {
  const content = await peek(statePaths(stateDir).status, statusSchema);
  return content.state === 'present' ? content.value : null;
}

/** For `expect.poll`. */
export const PATIENT = { timeout: 10_000, interval: 10 };

/** Waits until `check` answers something truthy; fails with `what` after ten seconds. */
export async function eventually<T>(what: string, check: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const value = await check();
    if (value) return value as NonNullable<T>;
    if (performance.now() > deadline) throw new Error(`did not happen: ${what}`);
    await systemClock.sleep(10);
  }
}

/** The system's clock, moved. */
export function shiftedClock(byMs: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + byMs };
}

/** A server, and an agent enrolled with it that runs. */
export async function connected(options: TestServerOptions = {}, change: AgentChange = {}) {
  const server = await startServer(options);
  const folder = await temporaryFolder();
  await enrolWith(server, folder);
  return { server, folder, agent: startAgent(folder, change) };
}

/** Kinds of the reports that a server has acknowledged, in their order. */
export function kinds(server: TestServer): string[] {
  return server.reports.map(({ kind }) => kind);
}
