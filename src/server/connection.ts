import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { agentFrame, MAX_FRAME, parseFrame, type AgentFrame, type ServerFrame } from '../wire/frames.ts';
import { hintOf, type Refusal } from '../wire/refusal.ts';
import { OUR_VERSIONS } from '../wire/version.ts';
import type { Connections, Live } from './connections.ts';
import type { Ingest } from './ingest.ts';
import { createNonces, type Nonces } from './nonces.ts';
import type { Orders } from './orders.ts';
import { openSession, type SessionParts } from './session.ts';
import type { Standing } from './standing.ts';
import type { Session } from './verify-report.ts';

/** What carries the frames: a WebSocket, or a long poll. */
export type Transport = {
  /** An IP address in its shortest form. */
  remote: string;
  send(frame: ServerFrame): void;
  close(): void;
};

export type Connection = {
  /** Takes a frame's text. Frames are dealt with one after the other. */
  receive(text: string): void;
  /** The transport has ended. */
  ended(): void;
  /** Closes with a reason of ours. */
  close(code: Refusal): void;
};

export type ConnectionParts = {
  clock: Clock;
  log: Logger;
  sessions: SessionParts;
  connections: Connections;
  ingest: Ingest;
  orders: Orders;
  standing: Standing;
  refused(code: Refusal): void;
};

const SESSION_DUE_MS = 10_000;
/** Frames that may wait to be dealt with; an agent waits for each answer, so more is an attack. */
const MAX_WAITING = 32;

type Phase = { name: 'greeted' } | { name: 'open'; session: Session; live: Live } | { name: 'closed' };

/** One connection, from hello to bye, whatever carries it. Owns nothing but a timer; ends with its transport. */
export function openConnection(parts: ConnectionParts, transport: Transport): Connection {
  const { clock, log, connections } = parts;
  const nonces = createNonces();
  let phase: Phase = { name: 'greeted' };
  let waiting = 0;
  let queue = Promise.resolve();
  const due = new AbortController();

  function close(code: Refusal): void {
    if (phase.name === 'closed') return;
    transport.send({ t: 'bye', err: code, hint: hintOf(code) });
    transport.close();
    end();
  }

  function end(): void {
    due.abort();
    if (phase.name === 'open') connections.release(phase.live);
    phase = { name: 'closed' };
  }

  async function deal(text: string): Promise<void> {
    if (phase.name === 'closed') return;
    const frame = parseFrame(agentFrame, text);
    if (frame === null) return unreadable(text);
    if (phase.name === 'greeted') return greet(frame);
    if (frame.t === 'report') return report(frame.jws, phase.session);
    if (frame.t === 'receipt') return receipt(frame.jws, phase.session);
    close('malformed');
  }

  function unreadable(text: string): void {
    const code = text.length > MAX_FRAME ? 'frame_too_large' : 'malformed';
    parts.refused(code);
    if (phase.name === 'greeted') close(code);
    else nack(code, null, null);
  }

  async function greet(frame: AgentFrame): Promise<void> {
    const opened = frame.t === 'session' ? await openSession(parts.sessions, frame.jws, nonces) : null;
    if (opened === null || !opened.ok) {
      const code = opened?.error ?? 'no_session';
      parts.refused(code);
      return close(code);
    }
    // The transport may have ended while the session was verified.
    if (phase.name !== 'greeted') return;
    due.abort();
    const { session, version } = opened.value;
    const live = liveOf(session);
    phase = { name: 'open', session, live };
    connections.take(live);
    await welcome(parts, live, version, nonces);
  }

  function liveOf({ device, boot }: Session): Live {
    const { remote, send } = transport;
    return {
      device,
      boot,
      remote,
      since: clock.now(),
      send: (frame) => void (phase.name === 'open' && send(frame)),
      challenge(want, deadlineSeconds) {
        const now = clock.now();
        this.send({ t: 'challenge', nonce: nonces.issue(now), now, want, deadline_s: deadlineSeconds });
      },
      close,
    };
  }

  async function report(jws: string, session: Session): Promise<void> {
    const answer = await parts.ingest.report(jws, { session, nonces });
    if (!answer.ok) return nack(answer.error.code, answer.error.id, answer.error.seqMin);
    const now = clock.now();
    transport.send({ t: 'ack', ...answer.value, nonce: nonces.issue(now), now });
  }

  function nack(code: Refusal, id: string | null, seqMin: number | null): void {
    if (code === 'revoked') return close(code);
    const now = clock.now();
    const next = { nonce: nonces.issue(now), now, seq_min: seqMin };
    transport.send({ t: 'nack', id, err: code, hint: hintOf(code), ...next });
  }

  async function receipt(jws: string, session: Session): Promise<void> {
    const answer = await parts.orders.receipt(session.device, jws);
    if (answer.ok) return transport.send({ t: 'receipt-ack', id: answer.value });
    parts.refused(answer.error);
    nack(answer.error, null, null);
  }

  transport.send(helloFrame(parts, nonces));
  clock.sleep(SESSION_DUE_MS, due.signal).then(
    () => close('timeout'),
    () => {},
  );

  return {
    receive(text) {
      waiting += 1;
      if (waiting > MAX_WAITING) return close('rate_limited');
      queue = queue
        .then(() => deal(text))
        .catch((error: unknown) => {
          log.error({ err: error }, 'connection failed');
          close('store_unavailable');
        })
        .finally(() => {
          waiting -= 1;
        });
    },
    ended: end,
    close,
  };
}

function helloFrame({ clock, sessions }: ConnectionParts, nonces: Nonces): ServerFrame {
  const now = clock.now();
  const nonce = nonces.issue(now);
  return { t: 'hello', aud: sessions.audience, nonce, now, versions: OUR_VERSIONS, max_frame: MAX_FRAME };
}

/** The welcome, the policy to hold, and the orders that are not yet obeyed. */
async function welcome(parts: ConnectionParts, live: Live, version: number, nonces: Nonces): Promise<void> {
  const { clock, sessions, standing, orders } = parts;
  const state = await sessions.fleet.get(live.device);
  const { everySeconds, fullEverySeconds } = standing.inForce().policy.heartbeat;
  const now = clock.now();
  live.send({
    t: 'welcome',
    version,
    now,
    nonce: nonces.issue(now),
    seq_min: state?.seq ?? 0,
    heartbeat_s: everySeconds,
    full_s: fullEverySeconds,
  });
  live.send({ t: 'policy', jws: await standing.sealFor(live.device) });
  await orders.reconcile(live.device);
}
