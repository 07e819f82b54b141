import type { AddressInfo } from 'node:net';
import { codeOf, messageOf } from '../base/errors.ts';
import { createAddressReader } from './addresses.ts';
import type { ServerConfig } from './config.ts';
import { addAuthorityRoutes, openCertificateDoors } from './ca/doors.ts';
import { createChallenges } from './challenges.ts';
import { addConsoleRoutes } from './console-api.ts';
import type { DataPaths } from './data-folder.ts';
import { addDeviceRoutes, type RotateKeys } from './device-routes.ts';
import { createEnrolment } from './enrol.ts';
import { addGatewayRoutes } from './gateway-routes.ts';
import { addHealthRoutes } from './health-routes.ts';
import { answerErrors, createHttp, type App } from './http.ts';
import { LongPoll } from './long-poll.ts';
import { addOffboardingRoutes } from './offboarding-routes.ts';
import { createPending } from './pending.ts';
import { createGate } from './radius.ts';
import { addRadiusRoutes } from './radius-routes.ts';
import { rotate } from './rotate.ts';
import { readSecret } from './secret-file.ts';
import type { Services } from './services.ts';
import { addSessionRoutes } from './session-routes.ts';
import { createPlaces } from './places.ts';
import { addSignalRoutes } from './signals/signal-routes.ts';
import { loadSources } from './signals/sources.ts';
import { closedOnFailure, StartError } from './start-error.ts';
import { loadTls } from './tls.ts';
import { serveWebSockets } from './websocket.ts';

/** Everything that listens. Has to be closed. */
export type Doors = {
  url: string;
  /** Of EST and the revocation list; null where they are not served. */
  est: string | null;
  crl: string | null;
  close(): Promise<void>;
};

/** Opens the server's one port to devices, gateways and administrators. Throws `StartError`. */
export async function openDoors(config: ServerConfig, paths: DataPaths, services: Services): Promise<Doors> {
  const { clock, log, openLink } = services;
  const adminToken = await readAdminToken(paths.adminToken);
  const tls = await loadTls(config, paths, clock.now());
  const remoteOf = createAddressReader(config.trustedProxies);
  const app = await createHttp(tls, remoteOf);
  answerErrors(app, log);
  const pending = createPending(config.limits.pendingPerAddress);
  const link = { clock, remoteOf, open: openLink, pending, maxConnections: config.limits.connections };
  const longPoll = new LongPoll(link);
  const about = { ...services, issuer: services.urn, challenges: createChallenges() };
  const enrolment = createEnrolment({ ...about, tlsCa: tls.ca });
  const rotateKeys: RotateKeys = (given, remote) => rotate(about, given, remote);
  const { enrolmentsPerMinute } = config.limits;
  const { metrics } = services;
  addDeviceRoutes(app, { remoteOf, enrolment, rotateKeys, longPoll, metrics, enrolmentsPerMinute });
  const { terms } = services.judging;
  const gate = createGate({ ...services, terms, settings: config.radius });
  const places = await createPlaces(services.judging, config.places);
  await addRadiusRoutes(app, { ...services, gate, places });
  await addGatewayRoutes(app, services);
  await addSignalRoutes(app, { ...services, sources: await loadSources(config.signals, 'signals') });
  const offboarding = await loadSources(config.offboarding, 'offboarding');
  await addOffboardingRoutes(app, { ...services, sources: offboarding });
  await addSessionRoutes(app, { ...services, adminToken });
  await addConsoleRoutes(app, {
    ...services,
    terms,
    adminToken,
    orderRoot: services.keys.root.kid,
  });
  addHealthRoutes(app, services);
  const { certificates } = services;
  if (certificates !== null) addAuthorityRoutes(app, certificates);
  const more =
    certificates === null
      ? null
      : await openCertificateDoors({ ...services, certificates, settings: config.ca, tls, remoteOf });
  const sockets = serveWebSockets(app.server, link);
  const close = async () => {
    sockets.close();
    longPoll.close();
    await more?.close();
    await app.close();
  };
  return closedOnFailure(close, async () => ({
    url: await listen(app, config, paths),
    est: more?.est ?? null,
    crl: more?.crl ?? null,
    close,
  }));
}

/** An empty token would shut the administrator out without a word. */
async function readAdminToken(path: string): Promise<string> {
  const token = (await readSecret(path)).trim();
  if (token.length >= 32) return token;
  throw new StartError(`${path} holds no token. Remove the file and make a new one: drawbridge-server init.`);
}

async function listen(app: App, config: ServerConfig, paths: DataPaths): Promise<string> {
  const { host, port } = config.listen;
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new StartError(listenProblem(error, host, port, paths.config));
  }
  const bound = (app.server.address() as AddressInfo).port;
  return config.publicUrl ?? `https://${reachableAs(host, config.names)}:${bound}`;
}

function reachableAs(host: string, names: readonly string[]): string {
  const name = host === '0.0.0.0' || host === '::' ? (names[0] ?? 'localhost') : host;
  return name.includes(':') ? `[${name}]` : name;
}

function listenProblem(error: unknown, host: string, port: number, file: string): string {
  const code = codeOf(error);
  if (code === 'EADDRINUSE') {
    return (
      `Port ${port} on ${host} is taken by another program (ss -ltnp "sport = :${port}" names it). ` +
      `Stop that one, or choose another port: listen.port in ${file}.`
    );
  }
  if (code === 'EACCES')
    return `Port ${port} needs root; or choose one from 1024 up: listen.port in ${file}.`;
  return `Cannot listen on ${host}:${port}: ${messageOf(error)}`;
}
