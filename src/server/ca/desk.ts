import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Terms } from '../decide.ts';
import type { DeviceState } from '../device-state.ts';
import { createKeyedLock } from '../keyed-lock.ts';
import { audit } from '../store/audit.ts';
import { findByKey, insertCertificate, latestIssue } from '../store/certificates.ts';
import type { Db, Store } from '../store/store.ts';
import type { CertificateRow } from '../store/tables.ts';
import type { CertificateAuthority, Chain, Signed } from './authority.ts';
import { readCsr, type Csr } from './csr.ts';
import { refusalFor } from './may-hold.ts';
import { deviceProfile, gatewayProfile, type Profile, type ProfileSettings } from './profile.ts';
import { CERTIFICATE_REFUSALS, type CertificateRefusal } from './refusals.ts';

export type Issued = Signed & Chain;

/** What is done together with the certificate's entry, or throws and keeps it from being given. */
type Beside = (db: Db) => Promise<void>;

export type DeviceRequest = {
  device: string;
  /** PKCS#10, DER. */
  der: Uint8Array;
  via: 'agent' | 'est';
  beside?: Beside;
};

/** Where certificates are given out: every request is answered, and every answer is on record. */
export type Desk = {
  forDevice(request: DeviceRequest): Promise<Result<Issued, CertificateRefusal>>;
  /** `names` are host names and addresses of the gateway. */
  forGateway(
    names: readonly string[],
    der: Uint8Array,
    actor: string,
  ): Promise<Result<Issued, CertificateRefusal>>;
};

export type DeskParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  authority: CertificateAuthority;
  settings: ProfileSettings;
  stateOf(device: string): Promise<DeviceState | null>;
  terms(): Terms;
  answered(outcome: 'issued' | CertificateRefusal): void;
};

/** Requests of one device within a minute; an agent needs one in half a day. */
const PER_MINUTE = 30;
const MINUTE_MS = 60_000;
/** By which this server's clock may be behind its own records. */
const CLOCK_LEEWAY_MS = 600_000;

type Asked = Pick<CertificateRow, 'kind' | 'device' | 'via'> & {
  profile: Profile;
  actor: string;
  beside: Beside;
};

export function createDesk(parts: DeskParts): Desk {
  const { clock, settings, stateOf, terms } = parts;
  const { exclusively } = createKeyedLock();
  const hurry = createHurry();
  const waiting = new Map<string, CertificateRefusal>();
  return {
    forDevice: ({ device, der, via, beside = async () => {} }) =>
      exclusively(device, async () => {
        const refusal = async () => refusalFor(await stateOf(device), terms(), clock.now());
        const profile = deviceProfile(device, settings);
        const asked: Asked = { kind: 'device', device, via, profile, actor: `device ${device}`, beside };
        const issued = hurry(device, clock.now())
          ? err('too_many' as const)
          : await issue(parts, asked, der, refusal);
        return onRecord(parts, asked, issued, waiting);
      }),
    forGateway: (names, der, actor) =>
      exclusively(`gateway ${names[0]}`, async () => {
        const profile = gatewayProfile(names, settings);
        const asked: Asked = {
          kind: 'gateway',
          device: null,
          via: 'admin',
          profile,
          actor,
          beside: async () => {},
        };
        return onRecord(parts, asked, await issue(parts, asked, der, async () => null), waiting);
      }),
  };
}

/** What costs nothing is looked at first; and the device again after signing, which may have taken a while. */
async function issue(
  parts: DeskParts,
  asked: Asked,
  der: Uint8Array,
  refusal: () => Promise<CertificateRefusal | null>,
): Promise<Result<Issued, CertificateRefusal>> {
  const csr = await readCsr(der, asked.profile);
  if (!csr.ok) return csr;
  const before =
    (await refusal()) ?? (await usedBefore(parts.store, csr.value)) ?? (await clockProblem(parts));
  if (before !== null) return err(before);
  const signed = await parts.authority.sign(csr.value, asked.profile, parts.clock.now());
  if (!signed.ok) return signed;
  const after = await refusal();
  if (after !== null) return err(after);
  const isNew = await parts.store.write((db) => enter(db, asked, csr.value, signed.value, parts.clock.now()));
  if (!isNew) return err('key_used');
  return ok({ ...signed.value, ...(await parts.authority.chain()) });
}

async function usedBefore(store: Store, csr: Csr): Promise<CertificateRefusal | null> {
  const known = await store.read((db) => findByKey(db, csr.keyId));
  if (known === undefined) return null;
  return known.csr === csr.digest ? 'replayed' : 'key_used';
}

/** A clock that is behind what was issued already would issue for the past. */
async function clockProblem({ store, clock }: DeskParts): Promise<CertificateRefusal | null> {
  const latest = await store.read(latestIssue);
  return latest !== null && latest > clock.now() + CLOCK_LEEWAY_MS ? 'authority_expired' : null;
}

/** False where another request was given a certificate for the same key meanwhile. */
async function enter(db: Db, asked: Asked, csr: Csr, signed: Signed, now: number): Promise<boolean> {
  if ((await findByKey(db, csr.keyId)) !== undefined) return false;
  const { kind, device, via, profile, actor, beside } = asked;
  await beside(db);
  await insertCertificate(db, {
    serial: signed.serial,
    kind,
    device,
    name: profile.commonName,
    key_id: csr.keyId,
    csr: csr.digest,
    via,
    issued_at: now,
    not_before: signed.notBefore,
    not_after: signed.notAfter,
    revoked_at: null,
    reason: null,
  });
  const detail = { serial: signed.serial, via, notAfter: new Date(signed.notAfter).toISOString() };
  await audit(db, now, { actor, action: 'issue certificate', subject: profile.commonName, detail });
  return true;
}

/** A refusal that only means waiting is noted when it begins, not with every question of whoever waits. */
async function onRecord(
  { store, clock, log, answered }: DeskParts,
  { profile, actor, via }: Asked,
  answer: Result<Issued, CertificateRefusal>,
  waiting: Map<string, CertificateRefusal>,
): Promise<Result<Issued, CertificateRefusal>> {
  const subject = profile.commonName;
  answered(answer.ok ? 'issued' : answer.error);
  if (answer.ok) {
    waiting.delete(subject);
    log.info({ subject, serial: answer.value.serial, via }, 'certificate issued');
    return answer;
  }
  const reason = answer.error;
  const isOld = waiting.get(subject) === reason;
  if (CERTIFICATE_REFUSALS[reason].wait) waiting.set(subject, reason);
  if (isOld) return answer;
  log.info({ subject, reason, via }, 'certificate refused');
  const entry = { actor, action: 'refuse certificate', subject, detail: { reason, via } };
  await store.write((db) => audit(db, clock.now(), entry));
  return answer;
}

/** Whether somebody has asked more often than anybody who is honest needs to. */
function createHurry(): (who: string, now: number) => boolean {
  const counts = new Map<string, { since: number; count: number }>();
  return (who, now) => {
    const known = counts.get(who);
    const current = known !== undefined && now - known.since < MINUTE_MS ? known : { since: now, count: 0 };
    current.count += 1;
    counts.set(who, current);
    return current.count > PER_MINUTE;
  };
}
