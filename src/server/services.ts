import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { serverUrn } from '../wire/ids.ts';
import type { ServerConfig } from './config.ts';
import { createAdoption } from './adopt-sessions.ts';
import { openCertificates, type Certificates } from './ca/certificates.ts';
import { openCredentials } from './credentials/open.ts';
import type { Credentials } from './credentials/credentials.ts';
import { certificatesOverLink } from './ca/over-link.ts';
import { createBreaker } from './breaker.ts';
import { storedBreaker } from './breaker-record.ts';
import { baselineInForce } from './baseline.ts';
import { snooze } from './snooze.ts';
import { openConnection, type Connection, type ConnectionParts, type Transport } from './connection.ts';
import { createConnections, type Connections } from './connections.ts';
import { createContainment, type Containment } from './containment.ts';
import { loadDoors } from './containment-doors.ts';
import type { DataPaths } from './data-folder.ts';
import type { Terms } from './decide.ts';
import { loadState, type DeviceState } from './device-state.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { createIngest } from './ingest.ts';
import { createServerNotice } from './l2tp/notice-servers.ts';
import { createRollouts } from './l2tp/rollouts.ts';
import type { News } from './judge-device.ts';
import type { Listening } from './listening.ts';
import type { Metrics } from './metrics.ts';
import { createOrders, type Orders } from './orders.ts';
import { noticeChange, type OutsideParts } from './outside-changes.ts';
import { readPolicy } from './policy-file.ts';
import { createRefusalNotes } from './refused-sessions.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { loadSigningKeys, type SigningKeys } from './signing-keys.ts';
import { createStanding, lastGoodPolicy, type Standing } from './standing.ts';
import { StartError } from './start-error.ts';
import type { Store } from './store/store.ts';
import { noticeThroughTunnel } from './through-tunnel.ts';
import type { SessionRow } from './store/tables.ts';

/** The parts of a running server, tied together; without any door to the network. */
export type Services = {
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  listening: Listening;
  store: Store;
  keys: SigningKeys;
  /** The server's own urn: it is what devices address and what signs. */
  urn: string;
  fleet: Fleet;
  connections: Connections;
  standing: Standing;
  orders: Orders;
  /** Takes orders about L2TP servers to many devices, from batch to batch. */
  rollouts: Actor;
  sessions: Sessions;
  containment: Containment;
  /** Null where this server gives no certificates. */
  certificates: Certificates | null;
  /** Null where it gives no VPN credentials. */
  credentials: Credentials | null;
  judging: OutsideParts;
  /** Brings memory level with the store after an administrator changed a device. */
  changed(device: string): Promise<void>;
  openLink(transport: Transport): Connection;
};

/** Puts the policy in force and ties everything together. Throws `StartError`. */
export async function createServices(
  config: ServerConfig,
  paths: DataPaths,
  given: Pick<Services, 'clock' | 'log' | 'store' | 'metrics' | 'listening'>,
): Promise<Services> {
  const { clock, log, store, metrics, listening } = given;
  const connections = createConnections();
  const fleet = createFleet(store);
  metrics.showGauges({ connections: connections.count, access: () => accessCounts(fleet.all()) });
  const keys = await loadSigningKeys(paths);
  const urn = serverUrn(keys.root.kid);
  const signing = { store, clock, signer: keys.order, issuer: urn };
  const policy = await firstPolicy(config.policyFile, store, log);
  const standing = await createStanding(signing, policy, await baselineInForce(store, clock.now()));
  const stateOf = (device: string) => fleet.get(device);
  const orders = createOrders({ ...signing, connections, stateOf, log });
  const inForce = () => standing.inForce().policy;
  const rollouts = createRollouts({ ...given, connections, orders, stateOf, policy: inForce });
  const breaker = createBreaker(await store.read(storedBreaker));
  const terms = () => ({
    ...standing.inForce(),
    listeningSince: listening.since(),
    breaker,
    fleet: fleet.count(),
  });
  const vpn = await vpnServices(config, { ...given, fleet, terms, changed: (device) => changed(device) });
  const certificates = await openCertificates({
    ...given,
    settings: config.ca,
    dataDir: config.dataDir,
    // Memory knows live devices only, and a removed one is told that it is.
    stateOf: async (device) => (await stateOf(device)) ?? store.read((db) => loadState(db, device)),
    terms,
    orderUpdate: (device, cause) => orders.request(device, 'update-certificate', cause, 'server'),
  });
  const credentials = await openCredentials({
    ...given,
    hours: config.credentials.hours ?? null,
    keyFile: paths.credentialKey,
    signer: keys.order,
    issuer: urn,
    stateOf,
    terms,
    send: (device, frame) => connections.of(device)?.send(frame),
  });
  const told = tellNews({ connections, orders, standing, log });
  const decided = (state: DeviceState, news: News) => {
    told(state, news);
    if (news.decision) vpn.containment.level(state);
    if (news.decision) void certificates?.revocation.level(state);
    if (news.decision) void credentials?.level(state);
  };
  const { end: gone } = vpn.containment;
  const writtenElsewhere = () => void certificates?.replacing.look();
  const judging = { ...given, fleet, terms, decided, connections, gone, writtenElsewhere };
  const changed = (device: string) => noticeChange(judging, device);
  const basics = {
    ...given,
    ...vpn,
    certificates,
    credentials,
    keys,
    urn,
    fleet,
    connections,
    standing,
    orders,
    rollouts,
    judging,
    changed,
  };
  const link = linkParts({ ...basics, radius: config.radius });
  return { ...basics, openLink: (transport) => openConnection(link, transport) };
}

type VpnParts = Pick<Services, 'store' | 'clock' | 'log' | 'listening' | 'fleet' | 'changed'> & {
  terms: () => Terms;
};

/** What knows of sessions at the gateways, and what ends or changes them there. */
async function vpnServices(
  { radius }: ServerConfig,
  parts: VpnParts,
): Promise<Pick<Services, 'sessions' | 'containment'>> {
  const doors = await loadDoors(radius.nas);
  const containment = createContainment({ ...parts, settings: radius, doors });
  const opened = ({ device }: SessionRow) => {
    const state = device === null ? undefined : parts.fleet.peek(device);
    if (state !== undefined) containment.level(state);
  };
  const { lostAfterSeconds } = radius.sessions;
  return { containment, sessions: createSessions({ ...parts, lostAfterSeconds, opened }) };
}

type LinkServices = Omit<Services, 'openLink'> & Pick<ServerConfig, 'radius'>;

function linkParts(services: LinkServices): ConnectionParts {
  const { clock, log, metrics, store, urn: audience, fleet, connections, standing, orders } = services;
  const { judging, changed, containment } = services;
  const alarmed = (device: string) => {
    log.error({ device }, 'two computers use the identity of one device');
    changed(device).catch((error: unknown) => log.error({ err: error, device }, 'device not judged anew'));
  };
  const noticeServers = createServerNotice({ ...services, policy: () => standing.inForce().policy });
  const observed = (state: DeviceState) => {
    const looked = [
      orders.observed(state),
      noticeServers(state),
      noticeThroughTunnel({ store, clock, log, changed }, state, connections.of(state.id)?.remote),
    ];
    Promise.all(looked).catch((error: unknown) => log.warn({ err: error }, 'report not looked after'));
  };
  const findSession = createAdoption({
    ...services,
    settings: services.radius,
    level: (device) => {
      const state = fleet.peek(device);
      if (state !== undefined) containment.level(state);
    },
  });
  const heard = (state: DeviceState) => {
    void services.credentials?.level(state);
    services.certificates?.replacing.heard(state.id);
    containment.level(state);
    findSession(state);
  };
  const ingest = createIngest({ ...judging, audience, observed, heard });
  const noteRefusal = createRefusalNotes({ store, clock });
  const sessions = { store, fleet, clock, audience, alarmed, noteRefusal };
  const certificates =
    services.certificates === null
      ? null
      : certificatesOverLink({
          ...services.certificates,
          store,
          clock,
          signer: services.keys.order,
          issuer: audience,
        });
  const { credentials } = services;
  const shared = { clock, log, connections, orders, standing, certificates, credentials };
  const { refused } = metrics;
  return {
    ...shared,
    sessions,
    ingest,
    refused,
    snooze: (device, ms) => snooze(judging, device, ms),
  };
}

type Tellers = { connections: Connections; orders: Orders; standing: Standing; log: Logger };

/** A decision goes to the device at once, and to whatever it wants of the device's VPN. */
function tellNews({ connections, orders, standing, log }: Tellers) {
  return (state: DeviceState, news: News): void => {
    const { id, decision } = state;
    if (decision === null) return;
    const live = connections.of(id);
    if (news.decision) {
      log.info({ device: id, ...decision.decision }, 'decision');
      orders
        .reconcile(id)
        .catch((error: unknown) => log.warn({ err: error, device: id }, 'order not issued'));
    }
    if (news.decision || news.reminder) live?.send({ t: 'decision', decision: decision.decision });
    if (!news.policy || live === undefined) return;
    standing.sealFor(state).then(
      (jws) => live.send({ t: 'policy', jws }),
      (error: unknown) => log.warn({ err: error, device: id }, 'policy not sent'),
    );
  };
}

async function firstPolicy(file: string, store: Store, log: Logger) {
  const read = await readPolicy(file);
  if (read.ok) return read.value;
  const last = await lastGoodPolicy(store);
  if (last === null) throw new StartError(`There is no usable policy.\n${read.error}`);
  log.error({ problem: read.error }, 'policy file is wrong; the last good policy stays in force');
  return last;
}

function accessCounts(states: Iterable<DeviceState>): Record<string, number> {
  const counts = { allow: 0, restrict: 0, quarantine: 0, deny: 0 };
  for (const { decision } of states) counts[decision?.decision.access ?? 'restrict'] += 1;
  return counts;
}
