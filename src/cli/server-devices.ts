import { iso } from '../base/clock.ts';
import { compareNumbered } from '../base/version-numbers.ts';
import { productVersion } from '../base/version.ts';
import type { Result } from '../base/result.ts';
import { approve, clearAlarm, closeSignals, offboard, revoke, type Refused } from '../server/administer.ts';
import type { ServerConfig } from '../server/config.ts';
import {
  deviceDocument,
  deviceSummary,
  documentOf,
  summaryOf,
  type DeviceDocument,
  type DeviceSummary,
} from '../server/device-document.ts';
import { loadState } from '../server/device-state.ts';
import { baselineOf } from '../server/baseline.ts';
import { readPolicy } from '../server/policy-file.ts';
import { named } from '../server/standing.ts';
import { decisionHistory } from '../server/store/decisions.ts';
import { listDevices } from '../server/store/devices.ts';
import { ordersOf } from '../server/store/orders.ts';
import type { Db, Store } from '../server/store/store.ts';
import { timelineOf, type TimelineEvent } from '../server/timeline.ts';
import { waitingDevices } from '../server/waiting.ts';
import { paint, say, sayJson, table } from './present.ts';
import { askServer } from './server-api.ts';
import { deviceText, timelineText, type Past } from './server-device-view.ts';
import { serverConfig, withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

const SHOWN_ORDERS = 20;
const SHOWN_DECISIONS = 10;

export type DevicesOptions = ServerOptions & { waiting?: boolean; outdated?: string | true };

/** All devices; from the running server, which knows who is connected, or else from its database. */
export async function devicesCommand(options: DevicesOptions): Promise<number> {
  if (options.waiting === true) return waitingCommand(options);
  const asked = await askServer(await serverConfig(options), 'GET', '/v1/devices');
  const devices =
    asked === null ? await withStore(options, storedDevices) : deviceSummary.array().parse(asked);
  if (options.outdated !== undefined) return showOutdated(devices, options.outdated, options.json === true);
  if (options.json) sayJson(devices);
  else if (devices.length === 0) say('No devices yet. Make a token for one: drawbridge-server token create');
  else
    say(await table(['Device', 'Name', 'State', 'Access', 'Risk', 'Last heard', 'Why'], devices.map(rowOf)));
  return 0;
}

/** Devices whose agent is older than a version, this server's own without one: 1 when there are any. */
async function showOutdated(
  devices: readonly DeviceSummary[],
  than: string | true,
  json: boolean,
): Promise<number> {
  const version = than === true ? productVersion() : than;
  const outdated = outdatedAmong(devices, version);
  if (json) sayJson({ than: version, devices: outdated });
  else if (outdated.length === 0) say(`No device that has reported has an agent older than ${version}.`);
  else {
    const cells = outdated.map((one) => [
      one.id,
      one.name,
      one.platform,
      one.agentVersion,
      one.lastSeen ?? 'never',
    ]);
    say(await table(['Device', 'Name', 'System', 'Agent', 'Last heard'], cells));
    say(`Older than ${version}: ${outdated.length} of ${devices.length} devices.`);
  }
  return outdated.length === 0 ? 0 : EXIT_OUTDATED;
}

const EXIT_OUTDATED = 1;

type Outdated = DeviceSummary & { agentVersion: string };

/** The oldest agents first. Who was revoked, or has never said its version, is not among them. */
export function outdatedAmong(devices: readonly DeviceSummary[], version: string): Outdated[] {
  return devices
    .filter((one): one is Outdated => one.status !== 'revoked' && one.agentVersion !== null)
    .filter(({ agentVersion }) => compareNumbered(agentVersion, version) < 0)
    .toSorted((a, b) => compareNumbered(a.agentVersion, b.agentVersion));
}

/** Who waits for approval, and who would be replaced by them. */
async function waitingCommand(options: ServerOptions): Promise<number> {
  const waiting = await withStore(options, (store) => store.read(waitingDevices));
  if (options.json) sayJson(waiting);
  else if (waiting.length === 0) say('No device waits for approval.');
  else {
    const head = ['Device', 'Name', 'Since', 'From', 'Token', 'Keys in', 'Replaces'];
    const cells = waiting.map((one) => [
      one.id,
      `${one.name} (${one.platform})`,
      one.since,
      one.from ?? '',
      one.note === '' ? (one.token ?? '') : `${one.token ?? ''} (${one.note})`,
      one.keyProtection,
      one.replaces.map(({ id, name }) => `${id} (${name})`).join(', '),
    ]);
    say(await table(head, cells));
    say('Let one in: drawbridge-server device approve ID. Turn one away: drawbridge-server device revoke ID');
  }
  return 0;
}

export type OffboardOptions = ServerOptions & { reason: string };

/** Takes everything from a device at once; its connection and VPN sessions end within a second or two. */
export async function offboardCommand(id: string, options: OffboardOptions): Promise<number> {
  const by = { actor: 'cli', now: Date.now() };
  const done = await withStore(options, (store) => store.write((db) => offboard(db, id, by, options.reason)));
  if (!done.ok) throw new UsageError(done.error.hint);
  const ended = done.value;
  if (options.json) sayJson({ device: id, ended });
  else {
    const counts = Object.entries(ended).filter(([, count]) => count > 0);
    const besides = counts.map(([name, count]) => `${name}: ${count}`).join(', ');
    say(
      `${id} is nobody any more: its key opens no session.${besides === '' ? '' : ` Ended with it: ${besides}.`}`,
    );
  }
  return 0;
}

async function storedDevices(store: Store): Promise<DeviceSummary[]> {
  return store.read(async (db) => {
    const all: DeviceSummary[] = [];
    for (const device of await listDevices(db))
      all.push(summaryOf(device, await loadState(db, device.id), false));
    return all;
  });
}

const ACCESS_COLOURS = { allow: 'green', restrict: 'yellow', quarantine: 'yellow', deny: 'red' } as const;

function rowOf({
  id,
  name,
  status,
  access,
  risk,
  lastSeen,
  sentence,
  connected,
  alarms,
}: DeviceSummary): string[] {
  const state = status === 'live' ? (connected ? 'online' : 'offline') : status;
  return [
    id,
    name,
    alarms.length === 0 ? state : `${state}, ${alarms.join(', ')}`,
    access === null ? '' : paint(ACCESS_COLOURS[access], access),
    risk ?? '',
    lastSeen ?? 'never',
    sentence ?? '',
  ];
}

export type DeviceOptions = ServerOptions & { why?: boolean; timeline?: boolean };

export async function deviceCommand(id: string, options: DeviceOptions): Promise<number> {
  const config = await serverConfig(options);
  const asked = await askServer(config, 'GET', `/v1/devices/${encodeURIComponent(id)}`);
  const document =
    asked === null
      ? await withStore(options, (store) => storedDocument(store, config, id))
      : deviceDocument.parse(asked);
  const past = options.why === true ? await withStore(options, (store) => pastOf(store, id)) : null;
  const timeline =
    options.timeline === true ? await withStore(options, (store) => eventsOf(store, id)) : null;
  const more = { ...(past && { decisions: past }), ...(timeline && { timeline }) };
  if (options.json) sayJson({ ...document, ...more });
  else
    say([await deviceText(document, past), ...(timeline ? [await timelineText(timeline)] : [])].join('\n\n'));
  return 0;
}

async function storedDocument(store: Store, config: ServerConfig, id: string): Promise<DeviceDocument> {
  const policy = await readPolicy(config.policyFile);
  if (!policy.ok) throw new UsageError(policy.error);
  const baseline = await baselineOf(store);
  return store.read(async (db) => {
    const state = await loadState(db, id);
    if (state === null) throw new UsageError(`There is no device ${id}; see: drawbridge-server devices`);
    const orders = await ordersOf(db, id, SHOWN_ORDERS);
    const terms = { ...named(policy.value, baseline), listeningSince: 0 };
    return documentOf({ state, orders, connected: false, terms, now: Date.now() });
  });
}

const SHOWN_EVENTS = 200;

function eventsOf(store: Store, id: string): Promise<TimelineEvent[]> {
  return store.read((db) => timelineOf(db, id, SHOWN_EVENTS));
}

async function pastOf(store: Store, id: string): Promise<Past> {
  const history = await store.read((db) => decisionHistory(db, id, SHOWN_DECISIONS));
  return history.map(({ at, decision: { access, risk, reason, sentence } }) => ({
    at: iso(at),
    access,
    risk,
    reason,
    sentence,
  }));
}

type Change = (db: Db, id: string, by: { actor: string; now: number }) => Promise<Result<unknown, Refused>>;

const CHANGES = {
  approve: [approve, 'is let in.'],
  revoke: [revoke, 'may not report any more.'],
  'clear-alarm': [clearAlarm, 'has no open alarms.'],
  'close-signals': [closeSignals, 'has no open signals.'],
} as const satisfies Record<string, readonly [Change, string]>;

export type ChangeName = keyof typeof CHANGES;

/** Changes a device in the database; a running server notices within a second or two. */
export async function changeCommand(name: ChangeName, id: string, options: ServerOptions): Promise<number> {
  const [change, sentence] = CHANGES[name];
  const by = { actor: 'cli', now: Date.now() };
  const done = await withStore(options, (store) =>
    store.write<Result<unknown, Refused>>((db) => change(db, id, by)),
  );
  if (!done.ok) throw new UsageError(done.error.hint);
  if (options.json) sayJson({ device: id, done: name });
  else say(`${id} ${sentence}`);
  return 0;
}
