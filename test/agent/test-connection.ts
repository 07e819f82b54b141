import { iso } from '../../src/base/clock.ts';
import { randomBytes } from 'node:crypto';
import { decodeJwt } from 'jose';
import { sessionClaims } from '../../src/wire/enrolment.ts';
import { open, type PublicJwk } from '../../src/wire/envelope.ts';
import type { AgentFrame, ServerFrame } from '../../src/wire/frames.ts';
import { deviceUrn, digest } from '../../src/wire/ids.ts';
import { receiptClaims } from '../../src/wire/order.ts';
import { reportClaims, type ReportClaims } from '../../src/wire/report-claims.ts';
import { OUR_VERSIONS } from '../../src/wire/version.ts';
import type { Received, TestServer } from './test-server.ts';

/** One connection as the server sees it: hello, session, welcome, then evidence and receipts. */
export class TestConnection {
  readonly send: (frame: ServerFrame) => void;
  readonly close: () => void;
  readonly frames: AgentFrame['t'][] = [];
  readonly number: number;
  readonly #server: TestServer;
  readonly #via: Received['via'];
  readonly #nonces = new Set<string>();
  #session: PublicJwk | null = null;

  constructor(
    server: TestServer,
    via: Received['via'],
    number: number,
    send: (frame: ServerFrame) => void,
    close: () => void,
  ) {
    this.#server = server;
    this.#via = via;
    this.number = number;
    this.send = send;
    this.close = close;
  }

  hello(): void {
    const { now, urn } = this.#server;
    this.send({ t: 'hello', aud: urn, nonce: this.nonce(), now, versions: OUR_VERSIONS, max_frame: 262_144 });
  }

  /** A nonce that this connection will take once. */
  nonce(): string {
    const made = newNonce();
    this.#nonces.add(made);
    return made;
  }

  forgetNonces(): void {
    this.#nonces.clear();
  }

  bye(err: string): void {
    this.send({ t: 'bye', err, hint: 'because the test says so' });
    this.close();
  }

  async receive(frame: AgentFrame): Promise<void> {
    this.frames.push(frame.t);
    if (frame.t === 'session') return this.#onSession(frame.jws);
    if (frame.t === 'report') return this.#onReport(frame.jws);
    if (frame.t === 'snooze') return this.#onSnooze(frame.seconds);
    if (frame.t === 'receipt') return this.#onReceipt(frame.jws);
    this.bye('malformed');
  }

  #onSnooze(seconds: number): void {
    this.send({ t: 'snoozed', until: iso(this.#server.now + seconds * 1_000) });
  }

  async #onSession(jws: string): Promise<void> {
    const { reportKey, options, now, refuseSession } = this.#server;
    const claims = reportKey === null ? null : await open(jws, reportKey, sessionClaims);
    if (refuseSession !== null) return this.bye(refuseSession);
    if (!claims?.ok) return this.bye(claims === null ? 'unknown_key' : claims.error);
    if (!this.#nonces.delete(claims.value.eat_nonce)) return this.bye('nonce_unknown');
    if (Math.abs(claims.value.iat - now / 1_000) > 120) return this.bye('clock_skew');
    this.#session = claims.value.cnf.jwk;
    const agreed = { heartbeat_s: 30, full_s: 900, seq_min: 0, takes: ['snooze'], ...options.welcome };
    this.send({ t: 'welcome', version: 1, now, nonce: this.nonce(), ...agreed });
  }

  async #onReport(jws: string): Promise<void> {
    const claims = this.#session && (await open(jws, this.#session, reportClaims));
    if (!claims?.ok) return this.bye('bad_signature');
    const refusal = this.#refusalOf(claims.value);
    if (refusal !== null) return this.nack(claims.value.jti, refusal);
    const reaction = this.#server.react(claims.value);
    if (reaction === 'ignore') return;
    if (reaction === 'close') return this.close();
    if (typeof reaction === 'object') return this.nack(claims.value.jti, reaction.nack);
    this.#server.reports.push({ ...claims.value, via: this.#via, connection: this.number });
    const ack = this.#ackOf(claims.value, jws);
    setTimeout(() => this.send(ack), this.#server.options.ackDelayMs ?? 0);
  }

  #refusalOf(claims: ReportClaims): string | null {
    if (claims.iss !== deviceUrn(this.#server.device)) return 'wrong_issuer';
    if (claims.aud !== this.#server.urn) return 'wrong_audience';
    if (Math.abs(claims.iat - this.#server.now / 1_000) > 120) return 'clock_skew';
    if (claims.kind === 'offline') return claims.eat_nonce === undefined ? null : 'malformed';
    return this.#nonces.delete(claims.eat_nonce ?? '') ? null : 'nonce_unknown';
  }

  #ackOf({ jti, seq }: ReportClaims, jws: string): ServerFrame {
    const { now, decision } = this.#server;
    return { t: 'ack', id: jti, seq, dig: digest(jws), nonce: this.nonce(), now, decision };
  }

  nack(id: string, err: string): void {
    const { now } = this.#server;
    this.send({ t: 'nack', id, err, hint: err, nonce: this.nonce(), now, seq_min: null });
  }

  async #onReceipt(jws: string): Promise<void> {
    const { reportKey, receipts, acknowledgeReceipts } = this.#server;
    const claims = reportKey && (await open(jws, reportKey, receiptClaims));
    if (!claims?.ok) throw new Error(`a receipt does not verify: ${JSON.stringify(decodeJwt(jws))}`);
    receipts.push(claims.value);
    if (acknowledgeReceipts) this.send({ t: 'receipt-ack', id: claims.value.jti });
  }
}

export function newNonce(): string {
  return randomBytes(16).toString('base64url');
}
