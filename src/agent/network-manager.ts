import { z } from 'zod';
import { ABOUT_ALL, aboutProfile } from '../../collectors/vpn-client/linux-networkmanager.ts';
import { DEFAULT_TIMEOUT_MS, type Output, type RunOptions } from '../base/exec.ts';
import { NetworkManager, type Active, type Connection } from './network-manager-bus.ts';

/** Below /run, where root alone makes anything. */
const SYSTEM_BUS = 'unix:path=/run/dbus/system_bus_socket';

/** Milliseconds for which the bus may let us wait before nmcli is tried instead. */
const REACH_MS = 2_000;

/** Milliseconds for which a connection is kept that nobody uses: opening one takes longer than what it is used for. */
const KEPT_MS = 10 * 60_000;

/** Milliseconds for which is known what is set up: questions come together. */
const KNOWN_MS = 2_000;

type Ask = (argv: readonly string[], options?: RunOptions) => Promise<Output | null>;

/**
 * What `nmcli` with some arguments would answer, as far as our readers look at it, asked of NetworkManager itself: a
 * tenth of the time, since no program starts. Null where nmcli has to be started: for everything but listing, showing
 * and ending connections, and where the bus or NetworkManager does not answer as it should.
 */
export const askNetworkManager = askNetworkManagerAt(SYSTEM_BUS);

/** The same of the bus at `address`. */
export function askNetworkManagerAt(address: string): Ask {
  const use = sharing(address);
  return async (argv, { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = {}) => {
    const question = questionOf(argv);
    if (question === null) return null;
    const limit = AbortSignal.any([
      AbortSignal.timeout(timeoutMs),
      ...(signal === undefined ? [] : [signal]),
    ]);
    return use((manager) => Promise.race([question(manager, limit), late(limit)]));
  };
}

type Use = (question: (manager: NetworkManager) => Promise<Output>) => Promise<Output | null>;
type Shared = {
  manager: Promise<NetworkManager | null>;
  users: number;
  /** Of a clock that never runs backwards. */
  usedAt: number;
  leaving?: NodeJS.Timeout;
};

/** Those who ask at one time, or soon after one another, share a connection; one that failed is not used again. */
function sharing(address: string): Use {
  let shared: Shared | null = null;
  const forget = (one: Shared) => {
    if (shared === one) shared = null;
  };
  const open = (): Shared => {
    const one: Shared = { manager: reach(address), users: 0, usedAt: performance.now() };
    void one.manager.then((manager) => manager?.ended).then(() => forget(one));
    return one;
  };
  const leave = async (one: Shared) => {
    forget(one);
    await (await one.manager)?.close();
  };
  return async (question) => {
    const one = (shared ??= open());
    clearTimeout(one.leaving);
    one.users += 1;
    const manager = await one.manager;
    try {
      manager?.hold(true);
      if (performance.now() - one.usedAt > KNOWN_MS) manager?.forget();
      one.usedAt = performance.now();
      return manager === null ? null : await question(manager);
    } catch {
      forget(one);
      return null;
    } finally {
      one.users -= 1;
      if (one.users === 0) {
        manager?.hold(false);
        one.leaving = setTimeout(() => void leave(one), shared === one ? KEPT_MS : 0).unref();
      }
    }
  };
}

/** The library is loaded where there is something to ask only. */
async function reach(address: string): Promise<NetworkManager | null> {
  const opening = import('../base/linux-bus.ts')
    .then(({ openBus }) => openBus(address))
    .then((bus) => NetworkManager.over(bus))
    .catch(() => null);
  const isLate = new Promise<null>((resolve) => setTimeout(resolve, REACH_MS, null).unref());
  const reached = await Promise.race([opening, isLate]);
  if (reached === null) void opening.then((late) => late?.close());
  return reached;
}

type Question = (manager: NetworkManager, limit: AbortSignal) => Promise<Output>;

function questionOf(argv: readonly string[]): Question | null {
  const said = argv.join(' ');
  if (said === ABOUT_ALL.join(' ')) return list;
  const uuid = UUID.exec(said)?.[0] ?? '';
  if (said === aboutProfile(uuid).join(' ')) return (manager) => show(manager, uuid);
  const [, seconds] = DOWN.exec(said) ?? [];
  return seconds === undefined
    ? null
    : (manager, limit) => end(manager, uuid, Number(seconds) * 1_000, limit);
}

const UUID = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DOWN = /^-w (\d{1,2}) connection down uuid [0-9a-f-]{36}$/;

function late(limit: AbortSignal): Promise<Output> {
  return new Promise((resolve) => {
    limit.addEventListener('abort', () => resolve(output({ failure: 'timeout' })), { once: true });
  });
}

function output(said: Partial<Output>): Output {
  return { stdout: '', stderr: '', code: null, failure: null, ...said };
}

/** NMActiveConnectionState, in nmcli's words. */
const STATES = ['unknown', 'activating', 'activated', 'deactivating', 'deactivated'];

async function list(manager: NetworkManager): Promise<Output> {
  return output({ code: 0, stdout: (await manager.connections()).map(rowOf).join('\n') });
}

async function show(manager: NetworkManager, uuid: string): Promise<Output> {
  const found = (await manager.connections()).find((one) => text(one, 'connection', 'uuid') === uuid);
  if (found === undefined)
    return output({ code: 10, stderr: `Error: ${uuid} - no such connection profile.` });
  const live = found.active === null ? [] : await liveLines(manager, found.active);
  return output({ code: 0, stdout: [...settingLines(found), ...live].join('\n') });
}

/** Resolves once it has ended, or is late. */
async function end(
  manager: NetworkManager,
  uuid: string,
  withinMs: number,
  limit: AbortSignal,
): Promise<Output> {
  const running = (await manager.actives()).find(({ Uuid }) => Uuid === uuid);
  if (running === undefined)
    return output({ code: 10, stderr: `Error: '${uuid}' is not an active connection.` });
  if (await manager.end(running, withinMs, limit)) return output({ code: 0 });
  return output({ code: 3, stderr: `Error: Timeout ${withinMs / 1_000} sec expired.` });
}

function value({ settings: all }: Connection, part: string, key: string): unknown {
  return all[part]?.[key];
}

function text(one: Connection, part: string, key: string): string {
  const found = value(one, part, key);
  return typeof found === 'string' ? found : '';
}

/** A flag that is not written has its usual value. */
function yesNo(one: Connection, part: string, key: string, usual: boolean): string {
  const found = value(one, part, key);
  return (typeof found === 'boolean' ? found : usual) ? 'yes' : 'no';
}

function rowOf(one: Connection): string {
  const field = (key: string) => text(one, 'connection', key);
  const timestamp = value(one, 'connection', 'timestamp') ?? 0;
  const columns = [
    field('id'),
    field('uuid'),
    field('type'),
    String(timestamp),
    yesNo(one, 'connection', 'autoconnect', true),
    yesNo(one, 'connection', 'read-only', false),
    one.active === null ? 'no' : 'yes',
    stateOf(one.active),
    one.file,
  ];
  return columns.map((column) => column.replaceAll(/[\\:]/g, '\\$&')).join(':');
}

function stateOf(running: Active | null): string {
  return running === null ? '' : (STATES[running.State] ?? 'unknown');
}

function settingLines(one: Connection): string[] {
  return [
    ...['id', 'uuid', 'type'].map((key) => `connection.${key}:${text(one, 'connection', key)}`),
    `connection.permissions:${texts(value(one, 'connection', 'permissions')).join(',')}`,
    `ipv4.dns:${dnsOf(one).join(',')}`,
    `ipv4.never-default:${yesNo(one, 'ipv4', 'never-default', false)}`,
    ...(one.settings['vpn'] === undefined ? [] : vpnLines(one)),
  ];
}

function vpnLines(one: Connection): string[] {
  return [
    `vpn.service-type:${text(one, 'vpn', 'service-type')}`,
    `vpn.data:${dataOf(value(one, 'vpn', 'data'))}`,
  ];
}

function texts(found: unknown): string[] {
  return z.array(z.string()).catch([]).parse(found);
}

/** `dns-data` where NetworkManager is new enough, else addresses as numbers in network order. */
function dnsOf(one: Connection): string[] {
  const written = texts(value(one, 'ipv4', 'dns-data'));
  const numbers = z
    .array(z.number())
    .catch([])
    .parse(value(one, 'ipv4', 'dns'));
  return written.length > 0 ? written : numbers.map(addressOf);
}

/** Network order, read as this machine's own (every one that NetworkManager runs on here is little-endian). */
function addressOf(number: number): string {
  return [0, 8, 16, 24].map((shift) => (number >>> shift) & 255).join('.');
}

function dataOf(found: unknown): string {
  const entries = Object.entries(z.record(z.string(), z.string()).catch({}).parse(found));
  return entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => `${key} = ${one.replaceAll(/[\\,]/g, '\\$&')}`)
    .join(', ');
}

async function liveLines(manager: NetworkManager, running: Active): Promise<string[]> {
  const { AddressData, NameserverData } = await manager.addresses(running);
  return [
    `GENERAL.STATE:${stateOf(running)}`,
    `GENERAL.DEFAULT:${running.Default ? 'yes' : 'no'}`,
    ...AddressData.map(({ address, prefix }, index) => `IP4.ADDRESS[${index + 1}]:${address}/${prefix}`),
    ...NameserverData.map(({ address }, index) => `IP4.DNS[${index + 1}]:${address}`),
  ];
}
