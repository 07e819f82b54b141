import { messageOf } from '../base/errors.ts';
import { runAll, type Actor, type StopReport } from '../base/actors.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { createLogger, type Logger } from '../base/log.ts';
import type { Policy } from '../policy/policy.ts';
import { watchBaseline } from './baseline-watch.ts';
import { runClockwork } from './clockwork.ts';
import type { ServerConfig } from './config.ts';
import { pathsIn } from './data-folder.ts';
import { openDoors, type Doors } from './doors.ts';
import { lockFolder } from './folder-lock.ts';
import { exists } from './init.ts';
import { createListening } from './listening.ts';
import { createMetrics } from './metrics.ts';
import { reloadPolicy, watchPolicy, type PolicyWatch } from './policy-file.ts';
import { putInForce } from './put-in-force.ts';
import { runRetention } from './retention.ts';
import { createServices, type Services } from './services.ts';
import { runSettling } from './settle-logins.ts';
import { closedOnFailure, StartError } from './start-error.ts';
import type { CommitObserver } from './store/group-commit.ts';
import { openSqlite } from './store/sqlite.ts';
import type { Store } from './store/store.ts';

export { StartError } from './start-error.ts';

export type RunningServer = {
  /** Where devices reach it. */
  url: string;
  /** Where EST and the revocation list are; null where they are not served. */
  est: string | null;
  crl: string | null;
  /** Reads the policy file now, not only once its change is noticed. */
  reloadPolicy(): Promise<void>;
  /** Stops everything; resolves when what was acknowledged is on disk and the files are closed. */
  close(): Promise<StopReport>;
  /** Resolves when the server has ended, also by itself. */
  ended: Promise<StopReport>;
};

/** For tests: a clock whose hands can be turned, a log that goes elsewhere. */
export type StartOptions = { clock?: Clock; log?: Logger };

const STOP_WITHIN_MS = 5_000;

/** Starts a server on a folder made by `init`. Throws `StartError`. */
export async function startServer(config: ServerConfig, options: StartOptions = {}): Promise<RunningServer> {
  const { clock = systemClock, log = createLogger('server', config.log.level) } = options;
  const paths = pathsIn(config.dataDir);
  await requireInit(config.dataDir, paths.orderRoot);
  const metrics = createMetrics();
  const listening = createListening(clock);
  const store = await openAlone(config.dataDir, paths.database, (commit) => {
    metrics.committed(commit);
    listening.committed(commit);
  });
  return closedOnFailure(store.close, async () => {
    const services = await createServices(config, paths, { clock, log, store, metrics, listening });
    return run(config, services, await openDoors(config, paths, services));
  });
}

async function openAlone(folder: string, file: string, observe: CommitObserver): Promise<Store> {
  const { release } = lockFolder(folder);
  const store = await openSqlite(file, observe).catch((error: unknown) => {
    release();
    throw new StartError(`${file} cannot be opened: ${messageOf(error)}`);
  });
  const close = async () => {
    await store.close();
    release();
  };
  return { ...store, close };
}

function run(config: ServerConfig, services: Services, doors: Doors): RunningServer {
  const watch = policyWatch(config.policyFile, services);
  const control = new AbortController();
  const actors = actorsOf(config, services, doors, watch);
  const ended = runAll(actors, { signal: control.signal, stopWithinMs: STOP_WITHIN_MS });
  services.log.info({ url: doors.url, est: doors.est, crl: doors.crl }, 'server started');
  return {
    url: doors.url,
    est: doors.est,
    crl: doors.crl,
    ended,
    reloadPolicy: async () => void (await reloadPolicy(watch)),
    close() {
      control.abort();
      return ended;
    },
  };
}

async function requireInit(folder: string, orderRoot: string): Promise<void> {
  if (await exists(orderRoot)) return;
  throw new StartError(
    `${folder} is no server’s folder. Make it one: drawbridge-server init --data ${folder}`,
  );
}

/** In the order of start; they stop in reverse: nobody is let in any more before anything else ends. */
function actorsOf(config: ServerConfig, services: Services, doors: Doors, watch: PolicyWatch): Actor[] {
  const { store, clock, log, judging } = services;
  const retention = { store, clock, log, retention: config.retention };
  return [
    closing('store', () => store.close()),
    { name: 'clockwork', run: (signal) => runClockwork(judging, signal) },
    { name: 'containment', run: (signal) => services.containment.run(signal) },
    { name: 'sessions', run: (signal) => services.sessions.reap(signal) },
    services.orders.clockwork,
    ...(services.certificates === null ? [] : [services.certificates.actor]),
    services.rollouts,
    { name: 'logins', run: (signal) => runSettling({ store, clock, log }, signal) },
    { name: 'retention', run: (signal) => runRetention(retention, signal) },
    { name: 'policy', run: (signal) => watchPolicy(watch, signal) },
    { name: 'baseline', run: (signal) => watchBaseline(services, signal) },
    closing('doors', () => doors.close()),
  ];
}

/** An actor that only has to be closed. */
function closing(name: string, close: () => Promise<void>): Actor {
  return {
    name,
    async run(signal) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await close();
    },
  };
}

function policyWatch(file: string, services: Services): PolicyWatch {
  const { clock, log, standing } = services;
  const replace = (policy: Policy) => putInForce(services, () => standing.replace(policy));
  return { file, clock, log, replace };
}
