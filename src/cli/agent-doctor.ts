import { lookup } from 'node:dns/promises';
import { access, constants, statfs } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import type { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { connect } from '../agent/connect.ts';
import { fetchChallenge, type Challenge } from '../agent/enrol-protocol.ts';
import { enrolmentState, keysOf, type EnrolmentState } from '../agent/enrolment.ts';
import type { Route } from '../agent/http.ts';
import { keyChoiceOf } from '../agent/this-computer.ts';
import { betterStore, keyPath, openKeys, type KeyChoice } from '../agent/key-choice.ts';
import { lockHolder } from '../agent/lock.ts';
import { statePaths } from '../agent/paths.ts';
import { proxyFor } from '../agent/proxy.ts';
import { stateFolderProblem } from '../agent/state-folder.ts';
import { peek } from '../agent/state-file.ts';
import { statusSchema, type Status } from '../agent/status.ts';
import type { TransportKind } from '../agent/transport.ts';
import { loadTrust, type Trust } from '../agent/trust.ts';
import { isMissing } from '../base/atomic-file.ts';
import { createLogger } from '../base/log.ts';
import { certificateFindings } from './agent-doctor-certificate.ts';
import { managedFindings } from './agent-doctor-managed.ts';
import { interfaceTowards, isTunnel, throughTunnel, vpnFindings, type Finding } from './agent-doctor-vpn.ts';
import type { Settings } from './agent-settings.ts';
import { paint, say, sayJson, table, withProgress, type Colour } from './present.ts';

const COLOURS: Record<Finding['level'], Colour> = { ok: 'green', warn: 'yellow', fail: 'red' };
const EXIT_BROKEN = 1;
const ATTEMPT_MS = 10_000;
const LOW_DISK_BYTES = 50 * 1024 * 1024;
const CLOCK_WARN_MS = 120_000;

/** `drawbridge doctor`: looks at everything that the agent needs. 1 when something has to be done. */
export async function doctor(settings: Settings, json: boolean): Promise<number> {
  const findings = await withProgress('Looking at everything the agent needs', () => examine(settings));
  if (json) sayJson({ findings });
  else await show(findings);
  return findings.some(({ level }) => level === 'fail') ? EXIT_BROKEN : 0;
}

async function examine(settings: Settings): Promise<Finding[]> {
  const paths = statePaths(settings.stateDir);
  const enrolment = await read(paths.enrolment, enrolmentState);
  const status = await read(paths.status, statusSchema);
  const local = [
    await settingsFile(settings.configFile),
    ...managedFindings(settings),
    rights(settings),
    await folder(settings.stateDir),
    await room(settings.stateDir),
    await agentRuns(paths.lock),
    enrolled(enrolment),
    await keys(enrolment, keyChoiceOf(settings)),
    spool(status),
    ...vpnFindings(status, Date.now()),
    ...certificateFindings(status, Date.now()),
  ];
  return [...local, ...(await network(settings, enrolment, status))];
}

function ok(name: string, found: string): Finding {
  return { name, level: 'ok', found, todo: null };
}

function warn(name: string, found: string, todo: string): Finding {
  return { name, level: 'warn', found, todo };
}

function fail(name: string, found: string, todo: string): Finding {
  return { name, level: 'fail', found, todo };
}

/** It was read before anything was looked at; a wrong one has ended the command already. */
async function settingsFile(file: string): Promise<Finding> {
  const there = await access(file, constants.R_OK).then(
    () => true,
    () => false,
  );
  return ok('settings', there ? file : `defaults (no ${file})`);
}

const DAMAGED = 'is damaged';

/** A state file's content, null where there is none, or a sentence where it cannot be read. */
async function read<S extends z.ZodType>(
  path: string,
  schema: () => S,
): Promise<z.output<S> | string | null> {
  try {
    const content = await peek(path, schema);
    return content.state === 'present'
      ? content.value
      : content.state === 'missing'
        ? null
        : `${path} ${DAMAGED}`;
  } catch (error) {
    return messageOf(error);
  }
}

function rights({ platform }: Settings): Finding {
  const root = process.getuid?.() === 0;
  if (root || platform === 'windows') return ok('rights', 'all checks can be read');
  return warn('rights', 'not root', 'Some checks need root; run the agent as a service or with sudo.');
}

async function folder(stateDir: string): Promise<Finding> {
  try {
    const problem = await stateFolderProblem(stateDir);
    if (problem !== null)
      return fail('state folder', problem, 'Do as it says: a folder of the agent’s user alone.');
    await access(stateDir, constants.W_OK);
    return ok('state folder', stateDir);
  } catch (error) {
    if (isMissing(error))
      return warn('state folder', `${stateDir} does not exist`, 'It is made by: drawbridge enroll');
    return fail('state folder', messageOf(error), OWNER);
  }
}

async function room(stateDir: string): Promise<Finding> {
  const stats = await statfs(stateDir).catch(() => null);
  if (stats === null) return ok('disk room', 'not looked at: no state folder yet');
  const bytes = stats.bavail * stats.bsize;
  const megabytes = `${Math.floor(bytes / 1024 / 1024)} MiB free`;
  if (bytes >= LOW_DISK_BYTES) return ok('disk room', megabytes);
  return warn(
    'disk room',
    megabytes,
    `Make room on the disk that holds ${stateDir}; reports wait in memory until then.`,
  );
}

async function agentRuns(lock: string): Promise<Finding> {
  const pid = await lockHolder(lock);
  return pid === null
    ? warn('agent', 'not running', 'Start the service, or in the foreground: drawbridge agent')
    : ok('agent', `running as process ${pid}`);
}

const OWNER = 'Run this as the user who runs the agent (root for a service).';
const AGAIN = 'Enrol again with a new token: drawbridge enroll --again --server URL --token-stdin';
const ENROLL = 'Ask for a token and run: drawbridge enroll --server URL --token-stdin';

function enrolled(state: EnrolmentState | string | null): Finding {
  if (typeof state === 'string') return fail('enrolment', state, state.endsWith(DAMAGED) ? AGAIN : OWNER);
  if (state === null) return fail('enrolment', 'not enrolled', ENROLL);
  if (state.status === 'enrolled') return ok('enrolment', `device ${state.device} at ${state.server.url}`);
  if (state.status === 'requested')
    return fail('enrolment', 'not finished', 'Repeat the command with the same token.');
  const approve = `drawbridge-server device approve ${state.device}`;
  return warn('enrolment', 'waits for approval', `An administrator has to run: ${approve}`);
}

/** Whether they can still sign is seen by letting them. */
async function keys(state: EnrolmentState | string | null, choice: KeyChoice): Promise<Finding> {
  if (state === null || typeof state === 'string') return ok('keys', 'not looked at: no enrolment');
  const where = keysOf(state);
  try {
    const store = await openKeys(where, choice.home);
    if (store === null)
      return fail(
        'keys',
        `not there (${keyPath(where, choice.home)})`,
        `Restore them from a backup, or enrol again. ${ENROLL}`,
      );
    await store.sign(new Uint8Array(32));
    const found = `kept in: ${state.keyStore} (${store.protection})`;
    const better = await betterStore(where.kind, choice);
    return better === null ? ok('keys', found) : warn('keys', found, better);
  } catch (error) {
    return fail('keys', messageOf(error), `Put right what is found, or replace the keys. ${AGAIN}`);
  }
}

function spool(status: Status | string | null): Finding {
  if (status === null || typeof status === 'string') return ok('waiting reports', 'no agent has run yet');
  const { reports, dropped, problem } = status.spool;
  if (problem !== null) return fail('waiting reports', problem, 'Make room on the disk.');
  if (dropped > 0)
    return warn(
      'waiting reports',
      `${reports} wait, ${dropped} were lost`,
      'The server was out of reach for long; see below.',
    );
  return ok('waiting reports', `${reports} wait`);
}

async function network(
  settings: Settings,
  state: EnrolmentState | string | null,
  status: Status | string | null,
): Promise<Finding[]> {
  const known = typeof state === 'object' ? state : null;
  const address = settings.config.server.url ?? known?.server.url;
  if (address === undefined) return [warn('server', 'no address known', ENROLL)];
  const route: Route = { url: new URL(address), proxy: settings.config.server.proxy, env: process.env };
  const way = await reach(route, status);
  if (way.some(({ level }) => level === 'fail') || known === null) return way;
  return [...way, ...(await server(route, known, settings.config.server.caFile))];
}

/** DNS and TCP, of the proxy where there is one. */
async function reach({ url, proxy, env }: Route, status: Status | string | null): Promise<Finding[]> {
  const via = proxyFor(url, proxy, env);
  const target = via ?? url;
  const name = via === null ? 'server' : 'proxy';
  const port = Number(target.port || (target.protocol === 'http:' ? 80 : 443));
  const host = target.hostname.replace(/^\[|\]$/g, '');
  try {
    const { address } = await lookup(host);
    await tcp(address, port);
    const found = ok(name, `${host} is ${address}, port ${port} answers`);
    const by = await interfaceTowards(address);
    return by !== null && isTunnel(by, status) ? [found, throughTunnel(by, address)] : [found];
  } catch (error) {
    return [
      fail(
        name,
        messageOf(error),
        `Is the ${name} running, is the port right? Check the network, and whether a firewall lets ${host}:${port} through.`,
      ),
    ];
  }
}

function tcp(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, timeout: ATTEMPT_MS });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => socket.destroy(new Error(`no answer from ${host}:${port}`)));
    socket.once('error', reject);
  });
}

async function server(route: Route, state: EnrolmentState, caFile: string | undefined): Promise<Finding[]> {
  let challenge: Challenge;
  try {
    challenge = await fetchChallenge(route, state.server.orderRoot);
  } catch (error) {
    return [
      fail(
        'identity',
        messageOf(error),
        'Check server.url: this is not the server that enrolled the device.',
      ),
    ];
  }
  const found = [ok('identity', 'the server proves its order root'), clock(challenge)];
  const trust = await loadTrust(state.server.tlsCa, caFile);
  return [...found, ...(await transports(route, trust))];
}

/** By the system's own clock: the agent corrects itself, but certificates do not. */
function clock({ serverNow }: Challenge): Finding {
  const offMs = Math.abs(serverNow - Date.now());
  if (offMs < CLOCK_WARN_MS) return ok('clock', 'agrees with the server');
  return warn('clock', `${Math.round(offMs / 60_000)} minutes off`, 'Set this computer’s date and time.');
}

async function transports(route: Route, trust: Trust): Promise<Finding[]> {
  const websocket = await tryTransport('websocket', route, trust);
  if (websocket === null) return [ok('transport', 'WebSocket')];
  // One after the other: the server admits few connections of one address that have not proved themselves.
  const https = await tryTransport('https', route, trust);
  if (https === null)
    return [
      warn(
        'transport',
        `only HTTPS (WebSocket: ${websocket})`,
        'Let the proxy pass WebSocket, for less traffic.',
      ),
    ];
  return [fail('transport', https, 'Check the server’s certificate, the proxy, and caFile in the settings.')];
}

/** Null when it works, else why not. */
async function tryTransport(kind: TransportKind, route: Route, trust: Trust): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(ATTEMPT_MS);
    const { transport } = await connect(kind, { route, trust, signal }, createLogger('doctor', 'silent'));
    transport.close();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

async function show(findings: readonly Finding[]): Promise<void> {
  const rows = findings.map(({ name, level, found }) => [name, paint(COLOURS[level], level), found]);
  say(await table(['What', 'State', 'Found'], rows));
  const todo = findings.filter((finding) => finding.todo !== null);
  if (todo.length === 0) return say('\nAll well.');
  say('\nTo do:');
  for (const { name, todo: what } of todo) say(`  ${name}: ${what}`);
}
