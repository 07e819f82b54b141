import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { messageOf } from '../../base/errors.ts';
import { iso } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { CertificateClaims, CertificateRefused } from '../../wire/certificate.ts';
import type { Decision } from '../../wire/decision.ts';
import type { Bell } from '../bell.ts';
import type { CorrectedClock } from '../corrected-clock.ts';
import type { KeyStore } from '../keys.ts';
import type { StateFile } from '../state-file.ts';
import type { CertificateStatus } from '../status.ts';
import { createTurns } from '../turns.ts';
import type { CertificateState, CertificateStore, HeldCertificate } from './certificate-store.ts';

export type CertificateDeps = {
  store: CertificateStore;
  file: StateFile<CertificateState>;
  clock: CorrectedClock;
  log: Logger;
  keys: () => Pick<KeyStore, 'newVpnKey'> | null;
  /** Rung when something can be asked that could not be before. */
  ready: Bell<void>;
  tell(status: CertificateStatus): void;
  random?: () => number;
};

/** Renewal is due at about two thirds of a life, not for a whole fleet in the same minute. */
const RENEW_FROM = 0.62;
const RENEW_SPREAD = 0.08;
/** Milliseconds: an answer that does not come is asked for again; so is software that would not take a certificate. */
const ANSWER_MS = 30_000;
const INSTALL_AGAIN_MS = 60_000;

/** The device's VPN certificate: asked for while healthy, renewed in time, installed, taken away when it is over. */
export class CertificateKeeper {
  readonly #deps: CertificateDeps;
  readonly #turn = createTurns();
  #state: CertificateState = { device: '', held: null, next: null, dropped: false };
  #preparing = false;
  #waitUntil = 0;
  #installAgainAt = 0;
  #access: Decision['access'] | null = null;
  #problem: string | null = null;

  constructor(deps: CertificateDeps) {
    this.#deps = deps;
  }

  get held(): HeldCertificate | null {
    return this.#state.held;
  }

  get problem(): string | null {
    return this.#problem;
  }

  /** Why VPN software cannot use it now, for a person; null where it can. */
  whyNotUsable(): string | null {
    const { held } = this.#state;
    const because = this.#problem === null ? '' : ` (${this.#problem})`;
    if (held === null) return `this device has no certificate of its own${because}`;
    if (held.notAfter <= this.#deps.clock.now())
      return `this device’s certificate ended at ${iso(held.notAfter)}${because}`;
    return held.installed ? null : `this device’s certificate is not where VPN software reads it${because}`;
  }

  /** The server gives certificates to this device. What belonged to another enrolment is taken away. */
  offered(device: string): Promise<void> {
    return this.#turn(async () => {
      const kept = (await this.#deps.file.read()) ?? this.#state;
      this.#state = kept;
      if (kept.device !== device) {
        if (kept.held !== null) await this.#removeFiles();
        await this.#keep({ device, held: null, next: null, dropped: false });
      }
      this.#prepare();
      this.#say();
    });
  }

  /** What was decided: a denied device gives its certificate up, and one that is well again asks at once. */
  async decided({ access, reason }: Pick<Decision, 'access' | 'reason'>): Promise<void> {
    if (access !== this.#access) this.#waitUntil = 0;
    this.#access = access;
    if (access === 'deny' && reason !== 'agent-silent' && this.held !== null)
      await this.#turn(() => this.#drop(false));
    if (access === 'allow') await this.#installLater();
  }

  /** The request to send now, base64; null while there is nothing to ask. */
  due(): string | null {
    const { held, next, dropped, device } = this.#state;
    const now = this.#deps.clock.now();
    if (device === '' || dropped || this.#access !== 'allow' || now < this.#waitUntil) return null;
    if (held !== null && now < held.renewAt) return null;
    if (next === null) {
      this.#prepare();
      return null;
    }
    this.#waitUntil = now + ANSWER_MS;
    return next.csr;
  }

  /** Takes the certificate that came; the error says why it is not kept. */
  take(claims: CertificateClaims): Promise<Result<null, string>> {
    return this.#turn(async () => {
      const { next } = this.#state;
      if (next === null || digestOf(next.csr) !== claims.csr) return err('it is not for what was asked');
      const held = heldOf(claims, next.key, this.#deps.random ?? Math.random);
      if (held === null) return err('it is not for our key, or its issuer has not signed it');
      this.#problem = null;
      await this.#keep({ ...this.#state, held, next: null });
      this.#prepare();
      await this.#install();
      return ok(null);
    });
  }

  /** What waits is asked again later with the same request; otherwise a new one is made. */
  refused({ err: code, hint, retry_s }: CertificateRefused): Promise<void> {
    return this.#turn(async () => {
      this.#problem = `${code}: ${hint}`;
      this.#waitUntil = this.#deps.clock.now() + (retry_s === null ? ANSWER_MS : retry_s * 1_000);
      if (retry_s === null) await this.#keep({ ...this.#state, next: null });
      this.#prepare();
      this.#say();
    });
  }

  /** A new certificate as soon as the server gives one, whatever is held. */
  renew(): Promise<void> {
    return this.#turn(async () => {
      const { held } = this.#state;
      await this.#keep({ ...this.#state, dropped: false, held: held && { ...held, renewAt: 0 } });
      this.#waitUntil = 0;
      this.#prepare();
      this.#deps.ready.ring();
    });
  }

  /** Gives the certificate up, and asks for none until `renew`. */
  drop(): Promise<void> {
    return this.#turn(() => this.#drop(true));
  }

  async #drop(dropped: boolean): Promise<void> {
    await this.#removeFiles();
    await this.#keep({ ...this.#state, held: null, dropped });
    this.#deps.log.info({ dropped }, 'certificate removed');
    this.#prepare();
    this.#say();
  }

  async #removeFiles(): Promise<void> {
    await this.#deps.store.remove().catch((error: unknown) => {
      this.#problem = messageOf(error);
      this.#deps.log.warn({ err: error }, 'certificate not removed');
    });
  }

  async #installLater(): Promise<void> {
    const { held } = this.#state;
    if (held === null || held.installed || this.#deps.clock.now() < this.#installAgainAt) return;
    await this.#turn(() => this.#install());
  }

  async #install(): Promise<void> {
    const { held } = this.#state;
    if (held === null || held.installed) return;
    const { store, log, clock } = this.#deps;
    try {
      await store.install(held);
      await this.#keep({ ...this.#state, held: { ...held, installed: true } });
      log.info({ serial: held.serial, until: iso(held.notAfter) }, 'certificate installed');
    } catch (error) {
      this.#problem = messageOf(error);
      this.#installAgainAt = clock.now() + INSTALL_AGAIN_MS;
      log.warn({ err: error }, 'certificate not installed');
    }
    this.#say();
  }

  /** Beside everything else: a key takes its time, and by then the answer of a moment ago may have changed. */
  #prepare(): void {
    const { device, next, dropped } = this.#state;
    const keys = this.#deps.keys();
    if (keys === null || device === '' || dropped || next !== null || this.#preparing) return;
    this.#preparing = true;
    const made = keys.newVpnKey().then((fresh) =>
      this.#turn(async () => {
        const csr = Buffer.from(fresh.csr).toString('base64');
        if (this.#state.next === null) await this.#keep({ ...this.#state, next: { key: fresh.key, csr } });
      }),
    );
    made
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, 'no key for a certificate'))
      .finally(() => {
        this.#preparing = false;
        this.#deps.ready.ring();
      });
  }

  async #keep(state: CertificateState): Promise<void> {
    await this.#deps.file.write(state);
    this.#state = state;
  }

  #say(): void {
    const { held, dropped } = this.#state;
    this.#deps.tell({
      serial: held?.serial ?? null,
      notBefore: held === null ? null : iso(held.notBefore),
      notAfter: held === null ? null : iso(held.notAfter),
      renewAt: held === null || held.renewAt === 0 ? null : iso(held.renewAt),
      installed: held?.installed ?? false,
      dropped,
      problem: this.#problem,
    });
  }
}

/** Null for one that is not for this key, or whose chain does not hold. */
function heldOf(claims: CertificateClaims, key: string, random: () => number): HeldCertificate | null {
  try {
    const [own, issuing, root] = [claims.certificate, claims.issuing, claims.root].map(
      (pem) => new X509Certificate(pem),
    );
    if (own === undefined || issuing === undefined || root === undefined) return null;
    const signed = own.verify(issuing.publicKey) && issuing.verify(root.publicKey);
    if (!signed || !own.checkPrivateKey(createPrivateKey(key))) return null;
    const [notBefore, notAfter] = [Date.parse(own.validFrom), Date.parse(own.validTo)];
    const renewAt = notBefore + (notAfter - notBefore) * (RENEW_FROM + random() * RENEW_SPREAD);
    const { certificate, issuing: issuingPem, root: rootPem } = claims;
    const chain = { certificate, issuing: issuingPem, root: rootPem };
    return {
      key,
      ...chain,
      serial: own.serialNumber.toLowerCase(),
      notBefore,
      notAfter,
      renewAt,
      installed: false,
    };
  } catch {
    return null;
  }
}

function digestOf(csr: string): string {
  return createHash('sha256').update(Buffer.from(csr, 'base64')).digest('base64url');
}
