import { iso } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Signer } from '../wire/envelope.ts';
import type { Ack, AgentFrame, Nack, Welcome } from '../wire/frames.ts';
import { handlingOf } from '../wire/refusal.ts';
import type { Base, ReportKind } from '../wire/report-claims.ts';
import type { CorrectedClock } from './corrected-clock.ts';
import { endingOf, type Ending } from './ending.ts';
import {
  deltaOf,
  heartbeat,
  sealStatement,
  type Attester,
  type Statement,
  type WireReadings,
} from './evidence.ts';
import type { Sequence } from './sequence.ts';
import type { Spool, WaitingReport } from './spool.ts';
import type { Standing } from './standing.ts';
import type { StatusBoard } from './status.ts';
import { timeOf, uuidv7 } from './uuid.ts';

export type EvidenceDeps = {
  attester: Attester;
  clock: CorrectedClock;
  sequence: Sequence;
  spool: Spool;
  standing: Standing;
  status: StatusBoard;
  log: Logger;
  /** Asks for a report, which arrives through the spool. `any`: one that is being collected will do. */
  requestCollection(which: 'any' | 'new'): void;
};

/** The way to the server that the session has opened. */
export type Channel = {
  session: Signer;
  /** Characters that a frame may have. */
  maxFrame: number;
  send(frame: AgentFrame): void;
};

/** A report older than this when it is sent is history: sealed as `offline`, it never makes the device fresh. */
const FRESH_MS = 120_000;

/** Milliseconds in which the server has to answer a frame. */
export const ANSWER_MS = 30_000;

/** Refusals in a row after which the connection is started anew. */
const MAX_TRIES = 5;

/** Characters of a frame around its token. */
const FRAME_OVERHEAD = 64;

type Part = Pick<Statement, 'kind' | 'id' | 'collectedAt' | 'factsAt' | 'readings'>;
type InFlight = {
  id: string;
  kind: ReportKind;
  isWhole: boolean;
  readings: WireReadings | null;
  since: number;
  /** By the system's clock. */
  sentAt: number;
};
type Baseline = { base: Base; readings: WireReadings };

/**
 * The evidence of one connection. Stop and wait: one frame is under way at a time, since each needs the nonce that
 * the answer to the one before has brought.
 */
export class EvidenceFlow {
  readonly #deps: EvidenceDeps;
  readonly #channel: Channel;
  readonly #heartbeatMs: number;
  readonly #fullMs: number;
  #nonce: string;
  /** The nonce of a challenge, kept for its answer: acknowledgements on their way bring others. */
  #asked: { nonce: string; want: 'full' | 'heartbeat' } | null = null;
  #inFlight: InFlight | null = null;
  /** What the server has of this connection's readings. */
  #baseline: Baseline | null = null;
  #tries = 0;
  /** Monotonic milliseconds. */
  #lastSent: number;
  #lastFull: number;
  #notBefore = 0;
  /** Corrected milliseconds since when a complete new report is wanted, or null. */
  #fullWanted: number | null = null;
  #heartbeatWanted = false;

  constructor(channel: Channel, welcome: Welcome, deps: EvidenceDeps) {
    this.#deps = deps;
    this.#channel = channel;
    this.#heartbeatMs = welcome.heartbeat_s * 1_000;
    this.#fullMs = welcome.full_s * 1_000;
    this.#nonce = welcome.nonce;
    this.#lastSent = this.#now();
    this.#lastFull = this.#now();
  }

  /** Milliseconds until something has to be done although nobody says anything. */
  get waitMs(): number {
    if (this.#inFlight !== null) return this.#inFlight.since + ANSWER_MS - this.#now();
    if (this.#notBefore > this.#now()) return this.#notBefore - this.#now();
    return this.#lastSent + this.#heartbeatMs - this.#now();
  }

  /** True when the server has left a frame unanswered for too long. */
  get overdue(): boolean {
    return this.#inFlight !== null && this.#now() - this.#inFlight.since >= ANSWER_MS;
  }

  /** When the frame that this id answers was sent, by the system's clock; null where none is under way. */
  sentAt(id: string | null): number | null {
    return this.#inFlight !== null && this.#inFlight.id === id ? this.#inFlight.sentAt : null;
  }

  async onAck(ack: Ack): Promise<void> {
    const { status, clock } = this.#deps;
    this.#nonce = ack.nonce;
    status.update({ lastAckAt: iso(clock.now()) });
    const sent = this.#takeAnswered(ack.id);
    if (sent === null) return;
    this.#tries = 0;
    if (sent.readings !== null && sent.kind !== 'offline') this.#build(sent.readings, sent, ack);
    if (sent.kind !== 'heartbeat') await this.#forget(ack.id);
  }

  async onNack({ id, err, hint, nonce }: Nack): Promise<Ending | null> {
    if (nonce === null) return endingOf(err, hint);
    this.#nonce = nonce;
    const sent = id === null ? null : this.#takeAnswered(id);
    if (sent === null) return null;
    this.#tries += 1;
    if (this.#tries >= MAX_TRIES) return endingOf(err, hint);
    return this.#onRefused(sent, err, hint);
  }

  /** The server asks for evidence now, over a nonce of its choice. */
  onChallenge(nonce: string, want: 'full' | 'heartbeat'): void {
    this.#asked = { nonce, want };
    if (want === 'heartbeat') this.#heartbeatWanted = true;
    else this.#wantNew();
  }

  /** A complete report is being collected since then (corrected milliseconds): it is to be sent as such. */
  onScan(since: number): void {
    this.#fullWanted = since;
  }

  /** Sends the next frame of evidence, if it is time and nothing is under way. */
  async advance(): Promise<void> {
    if (this.#inFlight !== null || this.#now() < this.#notBefore) return;
    const report = await this.#nextReport();
    if (report !== null) return this.#sendReport(report);
    if (this.#fullDue && this.#fullWanted === null) this.#wantNew();
    const due = this.#now() - this.#lastSent >= this.#heartbeatMs;
    if (due || this.#heartbeatWanted) await this.#beat();
  }

  /** Asks for a report unless a fresh one is waiting. */
  wantFresh(): void {
    const newest = this.#deps.spool.ids.at(-1);
    if (newest === undefined || !this.#isFresh(newest)) this.#deps.requestCollection('any');
  }

  #wantNew(): void {
    this.#fullWanted = this.#deps.clock.now();
    this.#deps.requestCollection('new');
  }

  async #onRefused(sent: InFlight, code: string, hint: string): Promise<Ending | null> {
    switch (handlingOf(code)) {
      case 'resend':
        this.#postpone(code);
        return null;
      case 'send-full':
        this.#baseline = null;
        this.wantFresh();
        return null;
      case 'drop':
        if (sent.kind !== 'heartbeat') await this.#deps.spool.drop(sent.id);
        return null;
      default:
        return endingOf(code, hint);
    }
  }

  /** Where the server has trouble of its own, sending again at once would only add to it. */
  #postpone(code: string): void {
    if (code !== 'store_unavailable' && code !== 'rate_limited') return;
    this.#notBefore = this.#now() + 1_000 * 2 ** this.#tries * (0.5 + Math.random());
  }

  /** An acknowledged report is what the next delta builds on. */
  #build(readings: WireReadings, { id, kind, isWhole }: InFlight, { seq, dig }: Ack): void {
    this.#baseline = { base: { seq, dig }, readings };
    // What was not read anew does not answer a wish for a complete new report.
    if (kind !== 'full' || !isWhole) return;
    this.#lastFull = this.#now();
    if (this.#fullWanted !== null && timeOf(id) >= this.#fullWanted) this.#fullWanted = null;
  }

  /** What is fresh goes before what is history: the sooner the server knows how things stand, the better. */
  async #nextReport(): Promise<WaitingReport | null> {
    const { spool } = this.#deps;
    for (;;) {
      const ids = spool.ids;
      const id = ids.find((one) => this.#isFresh(one)) ?? ids[0];
      if (id === undefined) return null;
      const report = await spool.read(id);
      // Null: damaged and set aside; the next one, then.
      if (report !== null) return report;
    }
  }

  async #sendReport(report: WaitingReport): Promise<void> {
    const { id, collectedAt, factsAt = null, readings } = report;
    const kind = this.#kindFor(id);
    const shown = kind === 'delta' && this.#baseline ? deltaOf(this.#baseline.readings, report) : readings;
    await this.#state({ kind, id, collectedAt, factsAt, readings: shown }, readings);
  }

  #kindFor(id: string): ReportKind {
    if (!this.#isFresh(id)) return 'offline';
    return this.#baseline === null || this.#fullWanted !== null || this.#fullDue ? 'full' : 'delta';
  }

  get #fullDue(): boolean {
    return this.#now() - this.#lastFull >= this.#fullMs;
  }

  /** A heartbeat says that nothing has changed since a report; without one there is nothing to say it of. */
  async #beat(): Promise<void> {
    this.#heartbeatWanted = false;
    this.#lastSent = this.#now();
    if (this.#baseline === null) return this.wantFresh();
    const now = this.#deps.clock.now();
    await this.#state(heartbeat(uuidv7(now), now), null);
  }

  /** `readings` is all that the report holds, of which a delta shows a part. */
  async #state(part: Part, readings: WireReadings | null): Promise<void> {
    const { clock, sequence, spool, standing, status, attester } = this.#deps;
    const builds = part.kind === 'delta' || part.kind === 'heartbeat';
    const statement: Statement = {
      ...part,
      seq: await sequence.next(),
      nonce: part.kind === 'offline' ? null : this.#takeNonce(part.kind),
      base: builds ? (this.#baseline?.base ?? null) : null,
      policy: standing.current()?.digest ?? null,
      dropped: spool.dropped,
      inventory: status.current.inventory,
      now: clock.now(),
    };
    const jws = await sealStatement(statement, attester, this.#channel.session);
    if (jws.length > this.#channel.maxFrame - FRAME_OVERHEAD) return this.#deps.spool.drop(part.id);
    this.#lastSent = this.#now();
    const isWhole = part.factsAt === null;
    const sentAt = clock.uncorrected();
    this.#inFlight = { id: part.id, kind: part.kind, isWhole, readings, since: this.#now(), sentAt };
    this.#channel.send({ t: 'report', jws });
  }

  #takeNonce(kind: ReportKind): string {
    if (this.#asked?.want !== kind) return this.#nonce;
    const { nonce } = this.#asked;
    this.#asked = null;
    return nonce;
  }

  #takeAnswered(id: string): InFlight | null {
    const sent = this.#inFlight;
    if (sent?.id !== id) return null;
    this.#inFlight = null;
    return sent;
  }

  async #forget(id: string): Promise<void> {
    const { spool, log } = this.#deps;
    try {
      await spool.remove(id);
    } catch (error) {
      // It will be sent again after a restart; the server knows its id by then.
      log.error({ err: error, report: id }, 'acknowledged report could not be removed');
    }
  }

  #isFresh(id: string): boolean {
    return Math.abs(this.#deps.clock.now() - timeOf(id)) <= FRESH_MS;
  }

  #now(): number {
    return this.#deps.clock.monotonic();
  }
}
