import { randomBytes } from 'node:crypto';
import type { AgentSelf } from '../../collectors/check.ts';
import type { Readers } from '../../collectors/specs.ts';
import { runAll, type Actor, type StopReport } from '../base/actors.ts';
import { iso, systemClock, type Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { ServiceManager } from '../base/service-manager.ts';
import { untilAborted } from '../base/actors.ts';
import { ok } from '../base/result.ts';
import { openAgentState, type AgentState } from './agent-state.ts';
import { createBell, type Bell } from './bell.ts';
import type { AgentConfig } from './config-schema.ts';
import { loadDefaultPolicy } from './judgement.ts';
import { createIntegrity } from './integrity.ts';
import { createInventory, type ReadInventory } from './inventory.ts';
import { protectionOf } from './key-choice.ts';
import type { KeyProtection, KeyStore } from './keys.ts';
import type { L2tpServerControl } from './l2tp-server/control.ts';
import { l2tpServerPart } from './l2tp-server/part.ts';
import { createLink } from './link.ts';
import { takeLock } from './lock.ts';
import { NOT_MANAGED, type Managed } from './managed-kept.ts';
import { tellOfManagement } from './managed-told.ts';
import type { CertificateStore } from './certificate/certificate-store.ts';
import { CredentialKeeper, type CredentialProfiles } from './credential/keeper.ts';
import { CertificateKeeper } from './certificate/keeper.ts';
import { certificateOrders, closeCertificateOrders } from './certificate/orders.ts';
import type { CertificateStatus } from './status.ts';
import type { Hosts } from './cycle.ts';
import type { Isolating } from './isolation-hold.ts';
import { createOrders, done, type DueReceipt, type OrderHandlers, type Orders } from './orders.ts';
import { statePaths } from './paths.ts';
import { createPrecedence } from './precedence.ts';
import { proxyFor } from './proxy.ts';
import { createReporting } from './reporting.ts';
import { beginRun, LASTING_MS, runsState, type BegunRun } from './runs.ts';
import type { Scheduler } from './scheduler.ts';
import { createSilentEnrolment, type SilentEnrolmentDeps } from './silent-enrolment.ts';
import type { Standing } from './standing.ts';
import { stateFile } from './state-file.ts';
import { prepareStateFolder } from './state-folder.ts';
import { createTrayPart, type TrayPart, type TrayPartDeps, type TrayWays } from './tray-part.ts';
import type { TrayWaysParts } from './tray-ways.ts';
import { createVpnPart, noIsolation } from './vpn-part.ts';
import type { OpenedVpn } from './vpn/open-vpn.ts';
import { createWakeWatch } from './wake.ts';

export type AgentOptions = {
  config: AgentConfig;
  /** What device management has put into `config`; without it, nothing. */
  managed?: Managed;
  stateDir: string;
  version: string;
  readers: Readers;
  hosts: Hosts;
  /** Without it, what kind of computer this is stays unknown. */
  readInventory?: ReadInventory;
  /** Whether the program’s own files are what was installed; without it, unknown. */
  readIntegrity?: () => Promise<boolean | null>;
  /** How to enrol when somebody leaves an invitation in one of `places`; without it, a person has to. */
  invited?: Pick<SilentEnrolmentDeps, 'places' | 'managed' | 'enrol'>;
  /** Milliseconds to wait after so many crashes in a row; without it, longer and longer. */
  backOff?: (crashesInRow: number) => number;
  /** Whoever started this daemon, to be told that it works. */
  manager?: ServiceManager;
  /** The way to this computer's VPN; without it, orders about the VPN are answered as not implemented. */
  openVpn?: (parts: VpnParts) => Promise<VpnWays>;
  /** The way to this computer's users; without it, nobody is served. */
  openTray?: (parts: TrayWaysParts) => TrayWays | null;
  env: Readonly<Record<string, string | undefined>>;
  log: Logger;
};

/** What the way to the VPN is made from. */
export type VpnParts = {
  self: () => AgentSelf;
  stateDir: string;
  clock: Clock;
  log: Logger;
  /** Where the agent connects to, the server or a proxy in front of it; null before it is enrolled. */
  connectsTo(): Promise<URL | null>;
  /** What the policy lets an isolated computer reach. */
  reachable(): readonly string[];
};

export type VpnWays = {
  vpn: OpenedVpn;
  isolation: Isolating;
  /** Null where no L2TP server is closed by us. */
  l2tpServer: L2tpServerControl | null;
  /** Where this system's VPN software looks for certificates; null where nobody knows. */
  certificates: CertificateStore | null;
  /** Profiles that dial with a credential of the device's own; null where nobody knows them. */
  credentials: CredentialProfiles | null;
  isRoot: boolean;
};

/** One run of the agent: what its parts share. */
type Run = AgentOptions & {
  state: AgentState;
  crashes: number;
  /** Whether the program’s own files are what was installed. */
  integrity: boolean | null;
  /** Known once the device is enrolled; how its keys are kept is known before they are opened. */
  known: {
    keys: readonly KeyStore[];
    standing: Standing | null;
    protection: KeyProtection | null;
  };
};

/** Milliseconds that each part gets to end. */
const STOP_MS = 5_000;

/**
 * Runs the agent until `signal` aborts or a part of it fails. Throws before anything has started when the state
 * folder cannot be used or another agent uses it.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<StopReport> {
  const { stateDir, config, version, log } = options;
  const paths = statePaths(stateDir);
  const keyHome = { stateDir, tcti: config.tpm };
  await prepareStateFolder(stateDir);
  const unlock = await takeLock(paths.lock);
  try {
    const begun = await beginRun(stateFile(paths.runs, runsState, log), options.backOff);
    const { crashes, endCleanly } = begun;
    const state = await openAgentState({ paths, keyHome, limits: config.spool, version, crashes, log });
    await tellOfManagement(options.managed ?? NOT_MANAGED, state, log);
    state.spool.changed.listen(() => state.status.update({ spool: state.spool.summary }));
    const run: Run = { ...options, state, crashes, integrity: null, known: await knownAtStart(state) };
    log.info({ version, stateDir, crashes }, 'agent started');
    const actors = [...(await assemble(run)), ...aboutItself(run, begun)];
    // After what was held is held again, and before the first report.
    run.integrity = (await options.readIntegrity?.().catch(() => null)) ?? null;
    await waitAfterCrashes(begun, log, signal);
    await options.manager?.ready();
    const report = await runAll(actors, { signal, stopWithinMs: STOP_MS });
    await sayGoodbye(run, report);
    if (report.reason === 'signal') await endCleanly();
    return report;
  } finally {
    await unlock();
  }
}

async function waitAfterCrashes(
  { waitMs, crashes }: BegunRun,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (waitMs === 0) return;
  log.warn({ waitMs, crashes }, 'waiting, after several starts in a row that did not end cleanly');
  await systemClock.sleep(waitMs, signal).catch(() => {});
}

/** The parts that have nothing to do with the computer’s health, but with the agent’s own. */
function aboutItself(run: Run, begun: BegunRun): Actor[] {
  const { state, invited, manager, readIntegrity, log } = run;
  const { clock, enrolment } = state;
  const lasting: Actor = {
    name: 'lasting',
    async run(signal) {
      await systemClock.sleep(LASTING_MS, signal).then(begun.hasLasted, () => {});
      await untilAborted(signal);
    },
  };
  return [
    lasting,
    ...(invited === undefined ? [] : [createSilentEnrolment({ ...invited, enrolment, clock, log })]),
    ...(readIntegrity === undefined
      ? []
      : [createIntegrity({ clock, look: readIntegrity, onSeen: (whole) => (run.integrity = whole) })]),
    ...(manager === undefined
      ? []
      : [{ name: 'watchdog', run: (signal: AbortSignal) => manager.keepAlive(systemClock, signal) }]),
  ];
}

/** The first report, too, says how the keys are kept. */
async function knownAtStart(state: AgentState): Promise<Run['known']> {
  const enrolled = await state.enrolment.read();
  const protection = enrolled === null ? null : protectionOf(enrolled.keyStore);
  return { keys: [], standing: null, protection };
}

/** The parts, in the order in which they start. What is to be held is held before the link comes up. */
async function assemble(run: Run): Promise<Actor[]> {
  const { state, config, log, version, env, known } = run;
  const fallback = await loadDefaultPolicy();
  const {
    l2tpServer: control,
    certificates: certificateStore,
    credentials: profiles,
    ...ways
  } = await waysOf(run);
  const l2tpServer = l2tpServerPart({
    ...state,
    control,
    log,
    isRoot: ways.isRoot,
    mode: config.vpn.mode,
    read: run.readers['l2tp-server'],
    changed: () => void reporting.scheduler.request(),
  });
  const vpn = createVpnPart({
    ...ways,
    ...state,
    settings: config.vpn,
    log,
    keys: () => known.keys,
    certificateProblem: () =>
      certificates === null ? 'no certificates are kept on this computer' : certificates.whyNotUsable(),
    passwordOf: async (user) => (await credentials?.passwordOf(user)) ?? null,
    standing: () => known.standing?.current() ?? null,
    standingUntil: () => known.standing?.expiresAt() ?? null,
    prove: () => void afterReceipts(orders, state.clock).then(reporting.prove),
  });
  const precedence = createPrecedence();
  const reporting = createReporting({
    ...run,
    standBack: precedence.clear,
    readers: { ...run.readers, 'l2tp-server': l2tpServer.reader },
    fallback,
    self: () => selfOf(run),
    standing: () => known.standing?.current() ?? null,
    async onJudged(judged) {
      await vpn.onJudged(judged);
      await l2tpServer.check();
      tray?.onJudged();
    },
  });
  const snoozes = createBell<number>();
  const tray = await trayOf(run, { reporting, vpn, snoozes });
  const certificateReady = createBell<void>();
  const certificates = certificateKeeper(run, certificateStore, vpn.observing, certificateReady);
  const credentials = credentialKeeper(run, profiles, vpn.observing);
  const { scheduler } = reporting;
  const receipts = createBell<DueReceipt>();
  const scans = createBell<number>();
  const wakes = createBell<void>();
  const orders = createOrders({
    ledger: state.ledger,
    handlers: {
      ...handlersWith(scheduler, scans, state),
      ...vpn.handlers,
      ...l2tpServer.handlers,
      ...certificateOrders({ keeper: certificates, clock: state.clock }),
    },
    clock: state.clock,
    log,
    goFirst: precedence.hold,
    onReceipt(due) {
      receipts.ring(due);
      vpn.tell();
    },
  });
  await closeCertificateOrders(state);
  await l2tpServer.recover();
  await vpn.recover();
  const link = createLink({
    ...state,
    ...config.server,
    orders,
    standsBack: precedence.held,
    receipts,
    scans,
    wakes,
    snoozes,
    onSnoozed: (until) => tray?.onSnoozed(until),
    certificates,
    certificateReady,
    credentials,
    version,
    env,
    log,
    boot: randomBytes(16).toString('base64url'),
    requestCollection: (which) => (which === 'any' ? scheduler.nudge() : void scheduler.request()),
    onIdentity(found) {
      const { keys, older, standing, device } = found;
      Object.assign(known, { standing, keys: older === null ? [keys] : [keys, older] });
      // Who has just enrolled by itself has reports waiting that do not say it.
      if (known.protection !== keys.protection) void scheduler.request();
      known.protection = keys.protection;
      void vpn.adopt(device);
      state.status.update({ keyProtection: keys.protection });
    },
  });
  // By the system's own clock: correcting ours is no sleep.
  const wakeWatch = createWakeWatch(systemClock, () => {
    log.info('woken up');
    wakes.ring();
    scheduler.nudge();
  });
  return [...vpn.actors, scheduler, link, wakeWatch, ...inventoryOf(run), ...(tray?.actors ?? [])];
}

/** Milliseconds for an order that is still being answered, and then for its receipt to be sealed and sent. */
const ANSWER_FIRST_MS = 500;
const RECEIPT_FIRST_MS = 50;

/** The proof is read once the receipt is on its way: at the same time both would be late. */
async function afterReceipts(orders: Orders, clock: Clock): Promise<void> {
  const over = new AbortController();
  await Promise.race([orders.idle(), clock.sleep(ANSWER_FIRST_MS, over.signal).catch(() => {})]);
  over.abort();
  await clock.sleep(RECEIPT_FIRST_MS);
}

async function trayOf(
  run: Run,
  parts: Pick<TrayPartDeps, 'reporting' | 'vpn' | 'snoozes'>,
): Promise<TrayPart | null> {
  const { openTray, config, stateDir, state, known, log } = run;
  const self = () => selfOf(run);
  const ways = openTray?.({ config: config.tray, stateDir, self, log }) ?? null;
  if (ways === null) return null;
  return createTrayPart({ ways, state, ...parts, standing: () => known.standing?.current() ?? null, log });
}

async function waysOf(run: Run) {
  const { openVpn, state, stateDir, config, known, log, env } = run;
  if (openVpn === undefined)
    return {
      opened: null,
      isolation: noIsolation,
      l2tpServer: null,
      certificates: null,
      credentials: null,
      isRoot: false,
    };
  const { vpn, ...rest } = await openVpn({
    self: () => selfOf(run),
    stateDir,
    clock: state.clock,
    log,
    async connectsTo() {
      const address = config.server.url ?? (await state.enrolment.read())?.server.url;
      if (address === undefined) return null;
      const url = new URL(address);
      return proxyFor(url, config.server.proxy, env) ?? url;
    },
    reachable: () => known.standing?.current()?.policy.isolation.reachable ?? [],
  });
  return { opened: vpn, ...rest };
}

function inventoryOf({ readInventory: read, state: { clock, status } }: Run): Actor[] {
  if (read === undefined) return [];
  return [createInventory({ read, clock, onRead: (inventory) => status.update({ inventory }) })];
}

/** Null where this computer's VPN is only observed: then its certificates are somebody else's, too. */
function certificateKeeper(
  { state, log, known }: Run,
  store: CertificateStore | null,
  observing: string | null,
  ready: Bell<void>,
): CertificateKeeper | null {
  if (store === null || observing !== null) return null;
  const { clock, certificateFile: file, status } = state;
  const tell = (certificate: CertificateStatus) => status.update({ certificate });
  return new CertificateKeeper({ store, file, clock, log, keys: () => known.keys[0] ?? null, ready, tell });
}

/** Where the VPN is only observed, its passwords are somebody else's, too. */
function credentialKeeper(
  { state, log, known }: Run,
  profiles: CredentialProfiles | null,
  observing: string | null,
): CredentialKeeper | null {
  if (profiles === null || observing !== null) return null;
  return new CredentialKeeper({ profiles, file: state.credentialFile, keys: () => known.keys, log });
}

/** What this agent can do when the server orders it. */
function handlersWith(scheduler: Scheduler, scans: Bell<number>, { clock }: AgentState): OrderHandlers {
  const scan = async () => {
    scans.ring(clock.now());
    return done({ report: await scheduler.request() });
  };
  return {
    'scan features': () => ok({ holders: [], atOnce: false, run: scan }),
  };
}

function selfOf({ version, state, known, crashes, integrity, managed = NOT_MANAGED }: Run): AgentSelf {
  return {
    version,
    startedAt: state.status.current.startedAt,
    keyProtection: known.protection,
    integrity,
    spoolDropped: state.spool.dropped,
    crashes,
    managed: managed.settings.map(({ name }) => name),
  };
}

async function sayGoodbye({ state, log }: Run, { reason, by, late, error }: StopReport): Promise<void> {
  const detail = reason === 'signal' ? 'The agent was stopped.' : 'A part of the agent failed.';
  const since = iso(state.clock.now());
  state.status.update({ connection: { state: 'offline', since, because: 'stopped', code: null, detail } });
  state.status.flush();
  if (reason === 'signal') log.info({ late }, 'agent stopped');
  else log.error({ reason, by, late, err: error }, 'agent ended');
}
