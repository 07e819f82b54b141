import { isDeepStrictEqual } from 'node:util';
import type { Decision } from '../wire/decision.ts';
import type { AgentFrame, Nack, ServerFrame, Welcome } from '../wire/frames.ts';
import type { Signer } from '../wire/envelope.ts';
import { serverUrn } from '../wire/ids.ts';
import { agreeOn } from '../wire/version.ts';
import { openAnswer, sealRequest } from './certificate/exchange.ts';
import type { CertificateKeeper } from './certificate/keeper.ts';
import type { Bell } from './bell.ts';
import type { CredentialKeeper } from './credential/keeper.ts';
import { closed, endingOf, silent, type Ending } from './ending.ts';
import { ANSWER_MS, EvidenceFlow, type Channel, type EvidenceDeps } from './evidence-flow.ts';
import { sealSession } from './evidence.ts';
import { sessionSigner } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { createMailbox } from './mailbox.ts';
import { sealReceipt, type DueReceipt, type Orders } from './orders.ts';
import type { Transport } from './transport.ts';

export type ConversationDeps = EvidenceDeps & {
  /** The device's report key: asked once a connection, and for receipts. */
  signer: Signer;
  ledger: Ledger;
  orders: Orders;
  /** Whether something is at work that goes before evidence. */
  standsBack(): boolean;
  /** Rings when the receipt of an order is due. */
  receipts: Bell<DueReceipt>;
  /** Rings with the corrected time (ms) since when a complete new report is wanted; it is being collected. */
  scans: Bell<number>;
  /** Rings with the seconds for which the user wants reminders put off. */
  snoozes: Bell<number>;
  /** Until when the server has put them off (ISO 8601, UTC); null where there was nothing to put off. */
  onSnoozed(until: string | null): void;
  /** Null where no certificates are kept. */
  certificates: CertificateKeeper | null;
  /** Null where no VPN credential is kept. */
  credentials: CredentialKeeper | null;
  /** Rings when a certificate can be asked for that could not be before. */
  certificateReady: Bell<void>;
  onWelcome(): void;
};

/** Milliseconds between looks at whether evidence may go on. */
const STANDING_BACK_MS = 100;

type Message =
  | { t: 'frame'; frame: ServerFrame }
  | { t: 'closed' }
  | { t: 'spool' }
  | { t: 'receipt'; due: DueReceipt }
  | { t: 'scan'; since: number }
  | { t: 'snooze'; seconds: number }
  | { t: 'certificate' };

type Of<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>;

/** What the server says unasked, or to something that is not waited for. */
type Demand = Of<
  | 'challenge'
  | 'order'
  | 'policy'
  | 'decision'
  | 'receipt-ack'
  | 'snoozed'
  | 'certificate'
  | 'certificate-refused'
  | 'credential'
>;

/** One connection from the server's hello to its end. Everything that happens is taken in order, one at a time. */
export class Conversation {
  readonly #deps: ConversationDeps;
  readonly #transport: Transport;
  readonly #mailbox = createMailbox<Message>();
  readonly #started: number;
  /** When what the server answers before its welcome was asked: the connection, then the session; by the system's clock. */
  #askedAt: number;
  #channel: Channel | null = null;
  #takesSnooze = false;
  /** Null until the server's welcome. */
  #evidence: EvidenceFlow | null = null;
  #certificates: CertificateKeeper | null = null;

  /** `askedAt`: when the connection was asked for, by the system's clock. */
  constructor(transport: Transport, askedAt: number, deps: ConversationDeps) {
    this.#transport = transport;
    this.#deps = deps;
    this.#started = deps.clock.monotonic();
    this.#askedAt = askedAt;
  }

  /** Runs until either side ends it; `signal` closes it from here. Rejects only when a key or the disk fails us. */
  async run(first: ServerFrame, signal: AbortSignal): Promise<Ending> {
    const stopListening = this.#listen();
    const stop = () => this.#transport.close();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    this.#mailbox.put({ t: 'frame', frame: first });
    void this.#receive();
    try {
      return await this.#untilEnd();
    } finally {
      stopListening();
      signal.removeEventListener('abort', stop);
      this.#transport.close();
    }
  }

  #listen(): () => void {
    const stops = [
      this.#deps.spool.changed.listen(() => this.#mailbox.put({ t: 'spool' })),
      this.#deps.receipts.listen((due) => this.#mailbox.put({ t: 'receipt', due })),
      this.#deps.scans.listen((since) => this.#mailbox.put({ t: 'scan', since })),
      this.#deps.snoozes.listen((seconds) => this.#mailbox.put({ t: 'snooze', seconds })),
      this.#deps.certificateReady.listen(() => this.#mailbox.put({ t: 'certificate' })),
    ];
    return () => stops.forEach((stop) => stop());
  }

  async #receive(): Promise<void> {
    for (;;) {
      const frame = await this.#transport.receive();
      if (frame === null) return this.#mailbox.put({ t: 'closed' });
      this.#mailbox.put({ t: 'frame', frame });
    }
  }

  async #untilEnd(): Promise<Ending> {
    for (;;) {
      const message = await this.#mailbox.take(this.#waitMs());
      const ending = message === null ? this.#overdue() : await this.#on(message);
      if (ending !== null) return ending;
      if (!this.#deps.standsBack()) await this.#evidence?.advance();
    }
  }

  #waitMs(): number {
    if (this.#evidence === null) return this.#started + ANSWER_MS - this.#deps.clock.monotonic();
    return this.#deps.standsBack() ? STANDING_BACK_MS : this.#evidence.waitMs;
  }

  #overdue(): Ending | null {
    return this.#evidence === null || this.#evidence.overdue ? silent : null;
  }

  async #on(message: Message): Promise<Ending | null> {
    if (message.t === 'closed') return closed;
    if (message.t === 'frame') return this.#onFrame(message.frame);
    if (message.t === 'snooze' && this.#takesSnooze) this.#send(message);
    if (message.t === 'scan') this.#evidence?.onScan(message.since);
    if (message.t === 'certificate') await this.#askCertificate();
    if (message.t === 'receipt' && this.#evidence !== null) await this.#sendReceipt(message.due);
    return null;
  }

  async #onFrame(frame: ServerFrame): Promise<Ending | null> {
    if ('now' in frame) this.#correct(frame);
    switch (frame.t) {
      case 'hello':
        return this.#onHello(frame);
      case 'nack':
        return this.#onNack(frame);
      case 'bye':
        return endingOf(frame.err, frame.hint);
      case 'welcome':
        await this.#onWelcome(frame);
        return null;
      case 'ack':
        await this.#evidence?.onAck(frame);
        if (frame.decision !== null) await this.#onDecision(frame.decision);
        return null;
      default:
        await this.#onDemand(frame);
        return null;
    }
  }

  async #onHello(hello: Of<'hello'>): Promise<Ending | null> {
    const { attester, clock, signer } = this.#deps;
    if (hello.aud !== serverUrn(attester.identity.orderRoot)) return endingOf('wrong_audience');
    const version = agreeOn(hello.versions);
    if (version === null) return endingOf('protocol_unsupported');
    const session = await sessionSigner();
    this.#channel = { session, maxFrame: hello.max_frame, send: this.#send };
    const signers = { report: signer, session };
    const jws = await sealSession(hello.nonce, version, clock.now(), attester, signers);
    this.#askedAt = clock.uncorrected();
    this.#send({ t: 'session', jws });
    return null;
  }

  async #onWelcome(welcome: Welcome): Promise<void> {
    if (this.#channel === null) return;
    this.#deps.sequence.raiseAbove(welcome.seq_min);
    this.#takesSnooze = welcome.takes.includes('snooze');
    this.#evidence = new EvidenceFlow(this.#channel, welcome, this.#deps);
    this.#deps.onWelcome();
    if (welcome.takes.includes('csr')) await this.#offered();
    this.#evidence.wantFresh();
    for (const { jti } of this.#deps.ledger.unacknowledged)
      await this.#sendReceipt({ jti, phase: 'complete' });
  }

  async #onNack(nack: Nack): Promise<Ending | null> {
    this.#deps.log.warn({ report: nack.id, code: nack.err, hint: nack.hint }, 'refused by the server');
    if (nack.seq_min !== null) this.#deps.sequence.raiseAbove(nack.seq_min);
    // Before the welcome it is the session itself that was refused.
    return this.#evidence === null ? endingOf(nack.err, nack.hint) : this.#evidence.onNack(nack);
  }

  async #onDemand(frame: Demand): Promise<void> {
    const { orders, ledger, attester } = this.#deps;
    switch (frame.t) {
      case 'challenge':
        return this.#evidence?.onChallenge(frame.nonce, frame.want);
      case 'order':
        // Not awaited: acknowledgements have to get through while an order is at work.
        void orders.take(frame.jws, attester.identity);
        return;
      case 'policy':
        return this.#takePolicy(frame.jws);
      case 'decision':
        return this.#onDecision(frame.decision);
      case 'certificate':
        return this.#takeCertificate(frame.jws);
      case 'credential':
        return this.#takeCredential(frame.jws);
      case 'certificate-refused':
        return this.#certificates?.refused(frame);
      case 'receipt-ack':
        return ledger.acknowledge(frame.id);
      case 'snoozed':
        return this.#deps.onSnoozed(frame.until);
    }
  }

  async #offered(): Promise<void> {
    this.#certificates = this.#deps.certificates;
    await this.#certificates?.offered(this.#deps.attester.identity.device);
  }

  async #onDecision(decision: Decision): Promise<void> {
    this.#deps.status.update({ decision });
    await this.#deps.credentials?.decided(decision);
    await this.#certificates?.decided(decision);
    await this.#askCertificate();
  }

  async #askCertificate(): Promise<void> {
    const csr = this.#certificates?.due() ?? null;
    if (csr === null) return;
    const { attester, signer, clock } = this.#deps;
    this.#send({ t: 'csr', jws: await sealRequest(csr, attester.identity, signer, clock.now()) });
  }

  async #takeCertificate(jws: string): Promise<void> {
    const opened = await openAnswer(jws, this.#deps.attester.identity);
    const taken = opened.ok ? await this.#certificates?.take(opened.value) : opened;
    if (taken?.ok === false) this.#deps.log.warn({ reason: taken.error }, 'certificate refused');
  }

  async #takeCredential(jws: string): Promise<void> {
    const { credentials, attester, log } = this.#deps;
    const taken = await credentials?.take(jws, attester.identity);
    if (taken?.ok === true) this.#send({ t: 'credential-ack', ...taken.value });
    else if (taken !== undefined) log.warn({ reason: taken.error }, 'VPN credential refused');
  }

  async #takePolicy(jws: string): Promise<void> {
    const { standing, log, requestCollection } = this.#deps;
    const before = standing.current()?.policy;
    const taken = await standing.take(jws);
    if (!taken.ok) return log.warn({ reason: taken.error }, 'standing policy refused');
    log.info({ version: taken.value.version }, 'standing policy taken');
    const { watch, tags } = taken.value.policy;
    // What was not asked so far has no answer yet, and a server that asks waits for it.
    if (!isDeepStrictEqual([before?.watch ?? {}, before?.tags ?? {}], [watch, tags]))
      requestCollection('new');
  }

  async #sendReceipt({ jti, phase }: DueReceipt): Promise<void> {
    const { ledger, attester, signer } = this.#deps;
    const entry = ledger.find(jti);
    // One that was done meanwhile has a better receipt, which is due as well; one at work has none yet.
    if (entry === null || !entry.answered || (entry.outcome === null) !== (phase === 'received')) return;
    this.#send({ t: 'receipt', jws: await sealReceipt(entry, attester.identity, signer) });
  }

  #correct(frame: Extract<ServerFrame, { now: number }>): void {
    const { clock, status, log } = this.#deps;
    const askedAt = this.#whenAsked(frame);
    if (askedAt === null || !clock.correct(frame.now, askedAt)) return;
    const clockOffsetMs = Math.round(clock.offsetMs());
    log.warn({ offsetMs: clockOffsetMs }, 'clock corrected by the server’s');
    status.update({ clockOffsetMs });
  }

  /** Null for what was not asked: nobody can say how old it is. */
  #whenAsked(frame: Extract<ServerFrame, { now: number }>): number | null {
    if (frame.t === 'challenge') return null;
    if (this.#evidence === null) return this.#askedAt;
    return 'id' in frame ? this.#evidence.sentAt(frame.id) : null;
  }

  readonly #send = (frame: AgentFrame): void => this.#transport.send(frame);
}
