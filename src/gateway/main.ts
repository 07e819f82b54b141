import { watch } from 'node:fs';
import { mkdir, readFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { runAll, type Actor } from '../base/actors.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { createLogger, type Logger } from '../base/log.ts';
import { ERROR_CAUSE } from '../wire/dae.ts';
import type { GatewayConfig, HelperConfig } from './config.ts';
import { actionFor, type DaeBody } from './dae.ts';
import { createDoor } from './door.ts';
import { endSession } from './end-session.ts';
import { readEvents } from './events.ts';
import { createPeers, type Peers } from './peers.ts';
import type { GatewaySecrets } from './render.ts';
import { createSessionBook, type SessionBook } from './sessions.ts';
import { readState, writeState } from './state.ts';
import { tellIdentity, type ServerRoute } from './tell-server.ts';

/** How often everything is looked at without having been told. */
const LOOK_MS = 2_000;
const STOP_WITHIN_MS = 5_000;

type Helper = {
  helper: HelperConfig;
  route: ServerRoute;
  token: string;
  clock: Clock;
  log: Logger;
  book: SessionBook;
  peers: Peers;
  keep(): Promise<void>;
};

/** Runs the helper until `signal` aborts; answers whether it ended by that. Rules stay in force when it ends. */
export async function runHelper(
  config: GatewayConfig & { helper: HelperConfig },
  secrets: GatewaySecrets & { helperToken: string },
  { signal, ready }: { signal: AbortSignal; ready(): void },
): Promise<boolean> {
  const log = createLogger('drawbridge-gateway', 'info');
  const parts = await assemble(config, secrets, log);
  await parts.book.reconcile();
  const actors = [
    door(parts, ready),
    watcher('sessions', parts, () => parts.book.reconcile()),
    watcher('events', parts, () => takeEvents(parts)),
  ];
  const { reason, by, error } = await runAll(actors, { signal, stopWithinMs: STOP_WITHIN_MS });
  if (reason !== 'signal') log.error({ by, error: messageOf(error) }, 'a part of the helper ended');
  return reason === 'signal';
}

async function assemble(
  config: GatewayConfig & { helper: HelperConfig },
  secrets: GatewaySecrets & { helperToken: string },
  log: Logger,
): Promise<Helper> {
  const { helper } = config;
  for (const folder of [helper.eventsDir, dirname(helper.stateFile)]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  const before = await readState(helper.stateFile);
  const peers = createPeers(before.peers);
  const keep = () => writeState(helper.stateFile, { moved: book.moved(), peers: peers.all() });
  const book = createSessionBook({
    runDir: helper.pppRunDir,
    filters: helper.filters,
    moved: before.moved,
    keep,
  });
  const route = {
    urls: config.servers,
    ca: await readFile(config.caFile, 'utf8'),
    credential: secrets.credential,
    timeoutMs: (config.timeouts.connectSeconds + config.timeouts.answerSeconds) * 1_000,
  };
  return { helper, route, token: secrets.helperToken, clock: systemClock, log, book, peers, keep };
}

/** Answers FreeRADIUS. */
function door(parts: Helper, ready: () => void): Actor {
  const { helper, token, peers } = parts;
  return {
    name: 'door',
    async run(signal) {
      const app = createDoor(
        { dae: (body) => obey(parts, body), peersAt: (address) => peers.at(address) },
        token,
      );
      await app.listen({ host: '127.0.0.1', port: helper.port });
      ready();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await app.close();
    },
  };
}

/** Does what a request asks for. Answers with an Error-Cause, or null when it is done and was seen to be. */
async function obey({ helper, clock, log, book }: Helper, body: DaeBody): Promise<number | null> {
  const sessions = await book.sessions();
  const context = { filters: Object.keys(helper.filters), now: clock.now() };
  const action = actionFor(body, sessions, context);
  const told = { kind: body.kind, address: body.framed_ip_address, port: body.nas_port };
  if ('cause' in action) {
    log.info({ ...told, cause: action.cause, why: action.why }, 'not done');
    return action.cause;
  }
  if (action.do === 'move') {
    await book.move(action.session, action.filter);
    log.info({ ...told, unit: action.session.unit, filter: action.filter }, 'moved');
    return null;
  }
  const gone = await endSession(action.session, helper.graceSeconds * 1_000, clock);
  log.info({ ...told, unit: action.session.unit, gone }, 'ended');
  return gone ? null : ERROR_CAUSE.sessionNotRemovable;
}

/** Does `work` whenever a hook has left an event, and now and then all the same. */
function watcher(name: string, { helper, clock, log }: Helper, work: () => Promise<void>): Actor {
  return {
    name,
    async run(signal) {
      let wake = nothing;
      const folder = watch(helper.eventsDir, () => wake());
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => (wake = resolve));
        await work().catch((error: unknown) => log.error({ error: messageOf(error) }, 'will be tried again'));
        await Promise.race([woken, clock.sleep(LOOK_MS, signal).catch(() => {})]);
      }
      folder.close();
    },
  };
}

/** An event's file goes once a server has taken it, so that none is lost while the servers are away. */
async function takeEvents(parts: Helper): Promise<void> {
  const { helper, route, peers, log, keep } = parts;
  for (const { file, event } of await readEvents(helper.eventsDir)) {
    if (event.kind === 'peer' && peers.note(event)) {
      await keep();
      await tellIdentity(route, event);
      log.info({ event: event.event, peer: event.peerAddress, id: event.peerId }, 'told');
    }
    await unlink(file);
  }
}

function nothing(): void {}
