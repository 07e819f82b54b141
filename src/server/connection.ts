import type { CertificateAnswers } from './ca/over-link.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { agentFrame, MAX_FRAME, parseFrame, type AgentFrame, type ServerFrame } from '../wire/frames.ts';
import { isoOrNull } from '../policy/words.ts';
import { hintOf, type Refusal } from '../wire/refusal.ts';
import { OUR_VERSIONS } from '../wire/version.ts';
import type { Credentials } from './credentials/credentials.ts';
import type { Connections, Live } from './connections.ts';
import type { Ingest } from './ingest.ts';
import { createNonces } from './nonces.ts';
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

export type ConnectionParts = {
  clock: Clock;
  log: Logger;
  sessions: SessionParts;
  connections: Connections;
  ingest: Ingest;
  orders: Orders;
  standing: Standing;
  /** Null where this server gives no certificates. */
  certificates: CertificateAnswers | null;
  /** Null where this server gives no VPN credentials. */
  credentials: Pick<Credentials, 'level' | 'confirmed'> | null;
  refused(code: Refusal): void;
  /** Puts off a device's reminders by milliseconds; until when (milliseconds), null where there is nothing to put off. */
  snooze(device: string, ms: number): Promise<number | null>;
};

const SESSION_DUE_MS = 10_000;
/** Frames that may wait to be dealt with; an agent waits for each answer, so more is an attack. */
const MAX_WAITING = 32;

type Phase = { name: 'greeted' } | { name: 'open'; session: Session; live: Live } | { name: 'closed' };

/** One connection from hello to bye, whatever carries it. Has to be told when its transport has ended. */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #transport: Transport;
  readonly #nonces = createNonces();
  readonly #sessionDue = new AbortController();
  #phase: Phase = { name: 'greeted' };
  #waiting = 0;
  #queue = Promise.resolve();

  constructor(parts: ConnectionParts, transport: Transport) {
    this.#parts = parts;
    this.#transport = transport;
  }

  /** Says hello, and closes unless a session follows in time. */
  greet(): void {
    const { clock, sessions } = this.#parts;
    const { nonce, now } = this.#nextNonce();
    const hello = { aud: sessions.audience, nonce, now, versions: OUR_VERSIONS, max_frame: MAX_FRAME };
    this.#transport.send({ t: 'hello', ...hello });
    clock.sleep(SESSION_DUE_MS, this.#sessionDue.signal).then(
      () => this.close('timeout'),
      () => {},
    );
  }

  /** Takes a frame's text. Frames are dealt with one after the other. */
  receive(text: string): void {
    this.#waiting += 1;
    if (this.#waiting > MAX_WAITING) return this.close('rate_limited');
    this.#queue = this.#queue
      .then(() => this.#deal(text))
      .catch((error: unknown) => {
        this.#parts.log.error({ err: error }, 'frame could not be dealt with');
        this.close('store_unavailable');
      })
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  /** Says goodbye with a reason of ours, and closes. */
  close(code: Refusal): void {
    if (this.#phase.name === 'closed') return;
    this.#transport.send({ t: 'bye', err: code, hint: hintOf(code) });
    this.#transport.close();
    this.ended();
  }

  /** The transport has ended. */
  ended(): void {
    this.#sessionDue.abort();
    if (this.#phase.name === 'open') this.#parts.connections.release(this.#phase.live);
    this.#phase = { name: 'closed' };
  }

  async #deal(text: string): Promise<void> {
    if (this.#phase.name === 'closed') return;
    const frame = parseFrame(agentFrame, text);
    if (frame === null) return this.#refuse(text.length > MAX_FRAME ? 'frame_too_large' : 'malformed');
    if (this.#phase.name === 'greeted') return this.#onFirst(frame);
    if (frame.t === 'report') return this.#onReport(frame.jws, this.#phase.session);
    if (frame.t === 'receipt') return this.#onReceipt(frame.jws, this.#phase.session);
    if (frame.t === 'snooze') return this.#onSnooze(frame.seconds, this.#phase.session.device);
    if (frame.t === 'credential-ack')
      return this.#parts.credentials?.confirmed(this.#phase.session.device, frame);
    if (frame.t === 'csr') return this.#onCsr(frame.jws, this.#phase.session);
    this.close('malformed');
  }

  async #onSnooze(seconds: number, device: string): Promise<void> {
    const until = await this.#parts.snooze(device, seconds * 1_000);
    this.#send({ t: 'snoozed', until: isoOrNull(until) });
  }

  async #onFirst(frame: AgentFrame): Promise<void> {
    if (frame.t !== 'session') return this.#refuse('no_session');
    const opened = await openSession(this.#parts.sessions, frame.jws, this.#nonces, this.#transport.remote);
    if (!opened.ok) return this.#refuse(opened.error);
    // The transport may have ended while the session was verified.
    if (this.#phase.name !== 'greeted') return;
    this.#sessionDue.abort();
    const { session, version } = opened.value;
    const live = this.#liveOf(session);
    this.#phase = { name: 'open', session, live };
    this.#parts.connections.take(live);
    await this.#welcome(session.device, version);
  }

  #liveOf({ device, boot }: Session): Live {
    return {
      device,
      boot,
      remote: this.#transport.remote,
      since: this.#parts.clock.now(),
      send: (frame) => this.#send(frame),
      challenge: (want, deadlineSeconds) =>
        this.#send({ t: 'challenge', ...this.#nextNonce(), want, deadline_s: deadlineSeconds }),
      close: (code) => this.close(code),
      drop: () => {
        this.#transport.close();
        this.ended();
      },
    };
  }

  /** The policy to hold and the orders that are not yet obeyed follow at once. */
  async #welcome(device: string, version: number): Promise<void> {
    const { sessions, standing, orders, certificates } = this.#parts;
    const state = await sessions.fleet.get(device);
    const { everySeconds, fullEverySeconds } = standing.inForce().policy.heartbeat;
    const takes = ['snooze', ...(certificates === null ? [] : ['csr'])];
    const rhythm = { heartbeat_s: everySeconds, full_s: fullEverySeconds, takes };
    this.#send({ t: 'welcome', version, ...this.#nextNonce(), seq_min: state?.seq ?? 0, ...rhythm });
    if (state !== null) this.#send({ t: 'policy', jws: await standing.sealFor(state) });
    await orders.connected(device);
  }

  async #onReport(jws: string, session: Session): Promise<void> {
    const answer = await this.#parts.ingest.report(jws, { session, nonces: this.#nonces });
    if (answer.ok) return this.#send({ t: 'ack', ...answer.value, ...this.#nextNonce() });
    const { code, id, seqMin } = answer.error;
    if (code === 'revoked') return this.close(code);
    this.#nack(code, id, seqMin);
  }

  async #onReceipt(jws: string, session: Session): Promise<void> {
    const answer = await this.#parts.orders.receipt(session.device, jws);
    if (answer.ok) return this.#send({ t: 'receipt-ack', id: answer.value });
    this.#refuse(answer.error);
  }

  async #onCsr(jws: string, session: Session): Promise<void> {
    const answer = await this.#parts.certificates?.answer(session.device, jws);
    if (answer?.ok === true) return this.#send(answer.value);
    this.#refuse(answer?.error ?? 'malformed');
  }

  /** Before the session there is nothing to go on with. */
  #refuse(code: Refusal): void {
    this.#parts.refused(code);
    if (this.#phase.name === 'greeted') this.close(code);
    else this.#nack(code, null, null);
  }

  #nack(code: Refusal, id: string | null, seqMin: number | null): void {
    const hint = hintOf(code);
    this.#send({ t: 'nack', id, err: code, hint, ...this.#nextNonce(), seq_min: seqMin });
  }

  #send(frame: ServerFrame): void {
    if (this.#phase.name === 'open') this.#transport.send(frame);
  }

  #nextNonce(): { nonce: string; now: number } {
    const now = this.#parts.clock.now();
    return { nonce: this.#nonces.issue(now), now };
  }
}

export function openConnection(parts: ConnectionParts, transport: Transport): Connection {
  const connection = new Connection(parts, transport);
  connection.greet();
  return connection;
}
