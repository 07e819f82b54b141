import { randomUUIDv7 } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { enrolClaims, type EnrolClaims, type EnrolResult } from '../wire/enrolment.ts';
import { inspect, open, seal, thumbprint, TYP, type PublicJwk } from '../wire/envelope.ts';
import { deviceUrn } from '../wire/ids.ts';
import type { Refusal } from '../wire/refusal.ts';
import { hashSecret, sameHash } from '../wire/token.ts';
import { OUR_VERSIONS } from '../wire/version.ts';
import type { Challenges } from './challenges.ts';
import type { SigningKeys } from './signing-keys.ts';
import { audit } from './store/audit.ts';
import {
  findByReportKey,
  findDevice,
  findTwins,
  insertDevice,
  isKnownKey,
  type Device,
  type NewKey,
} from './store/devices.ts';
import { isInsideVpn } from './store/sessions.ts';
import type { Db, Store } from './store/store.ts';
import type { TokenRow } from './store/tables.ts';
import { findToken, usedBy, useToken } from './store/tokens.ts';
import { isSkewed } from './verify-report.ts';

export type Enrolment = {
  /** Step 1: proves the order root; nothing secret. Answers with a token signed by the root. */
  challenge(nonce: string): Promise<string>;
  /** Step 2: makes the bearer of a good token a device. `remote` is for the audit record. */
  enrol(jws: string, remote: string): Promise<Result<string, Refusal>>;
};

export type EnrolParts = {
  store: Store;
  clock: Clock;
  keys: SigningKeys;
  /** The server's own urn. */
  issuer: string;
  /** PEM of our own TLS authority, or null. */
  tlsCa: string | null;
  challenges: Challenges;
};

const MAX_TOKEN_BYTES = 16_384;

export function createEnrolment(parts: EnrolParts): Enrolment {
  const { clock, keys, issuer, tlsCa, store, challenges } = parts;
  return {
    challenge(nonce) {
      const now = clock.now();
      const claims = {
        iss: issuer,
        iat: seconds(now),
        nonce,
        challenge: challenges.issue(now),
        tls_ca: tlsCa,
      };
      return seal(TYP.enrollChallenge, { ...claims, versions: OUR_VERSIONS }, keys.root, true);
    },
    async enrol(jws, remote) {
      const asked = await readRequest(jws, parts);
      if (!asked.ok) {
        if (!NOISE.has(asked.error)) await store.write((db) => refused(db, asked.error, remote, clock.now()));
        return asked;
      }
      const admitted = await store.write((db) => admit(db, asked.value, remote, clock.now()));
      return admitted.ok ? ok(await answer(parts, asked.value, admitted.value)) : admitted;
    },
  };
}

/** What was no attempt to enrol leaves no mark. */
const NOISE: ReadonlySet<Refusal> = new Set(['malformed', 'wrong_type', 'frame_too_large']);

function refused(db: Db, code: Refusal, remote: string, now: number): Promise<void> {
  return audit(db, now, { actor: remote, action: `enrol refused ${code}`, subject: 'nobody' });
}

type Asked = { claims: EnrolClaims; reportKey: PublicJwk; kid: string };

async function readRequest(
  jws: string,
  { clock, issuer, challenges }: EnrolParts,
): Promise<Result<Asked, Refusal>> {
  const header = inspect(jws, TYP.enroll, MAX_TOKEN_BYTES);
  if (!header.ok) return header;
  const { jwk: reportKey, kid } = header.value;
  if (reportKey === undefined || (await thumbprint(reportKey)) !== kid) return err('malformed');
  const claims = await open(jws, reportKey, enrolClaims);
  if (!claims.ok) return claims;
  if (claims.value.aud !== issuer) return err('wrong_audience');
  if (isSkewed(claims.value.iat, clock.now())) return err('clock_skew');
  if (!challenges.use(claims.value.nonce, clock.now())) return err('challenge_unknown');
  return ok({ claims: claims.value, reportKey, kid });
}

type Admitted = Pick<Device, 'id' | 'status'>;

/** A unit of the store: the token is used up and the device there, or neither. Everything is on record. */
async function admit(db: Db, asked: Asked, remote: string, now: number): Promise<Result<Admitted, Refusal>> {
  // Once its VPN was denied, such a device could never be let in again.
  const admitted = (await isInsideVpn(db, remote))
    ? err('through_tunnel' as const)
    : await admitBearer(db, asked, now);
  const token = asked.claims.token.id;
  const entry = admitted.ok
    ? { action: `enrol ${admitted.value.status}`, subject: admitted.value.id, detail: { token } }
    : { action: `enrol refused ${admitted.error}`, subject: token };
  await audit(db, now, { actor: remote, ...entry });
  return admitted;
}

async function admitBearer(db: Db, asked: Asked, now: number): Promise<Result<Admitted, Refusal>> {
  const { token: given } = asked.claims;
  const token = await findToken(db, given.id);
  if (token === undefined || !sameHash(hashSecret(given.secret), token.hash)) return err('token_unknown');
  if (token.revoked_at !== null || token.expires_at <= now) return err('token_expired');
  const { hardware_ids: hardware = [] } = asked.claims.host;
  if (!isListed(token, hardware)) return err('hardware_unlisted');
  const known = await knownDevice(db, token.id, asked.kid);
  if (known !== null) return known;
  if (token.uses_left < 1) return err('token_used');
  if (await isKnownKey(db, await thumbprint(asked.claims.encryption_key))) return err('malformed');
  const device = await addDevice(db, asked, token, now);
  await useToken(db, { token: token.id, kid: asked.kid, device: device.id }, now);
  return ok(device);
}

/** The device that this very key is already, for which the answer was lost and is given again; null where it is new. */
async function knownDevice(db: Db, token: string, kid: string): Promise<Result<Admitted, Refusal> | null> {
  const byKey = await findByReportKey(db, kid);
  if (byKey !== undefined && byKey.retired_at !== null) return err('key_retired');
  const used = byKey === undefined ? await usedBy(db, token, kid) : null;
  const device = byKey ?? (used === null ? undefined : await findDevice(db, used));
  if (device === undefined) return null;
  return device.status === 'revoked' ? err('revoked') : ok(device);
}

async function addDevice(db: Db, asked: Asked, token: TokenRow, now: number): Promise<Admitted> {
  const { host, ueid } = asked.claims;
  const { name, platform, machine_id, key_protection, hardware_ids: hardware = [] } = host;
  const id = randomUUIDv7();
  const [twin] = await findTwins(db, { id, machineId: machine_id, hardware });
  const status = twin === undefined && token.approval === 0 ? 'live' : 'pending';
  const facts = { name, platform, machine_id, key_protection, ueid };
  const device = { id, ...facts, status, replaces: twin?.id ?? null, enrolled_at: now } as const;
  await insertDevice(db, device, await keyRows(asked.reportKey, asked.claims.encryption_key, now), hardware);
  return { id, status };
}

/** Whether a computer with these numbers may use the token. */
function isListed(token: TokenRow, hardware: readonly string[]): boolean {
  if (token.hardware === null) return true;
  const listed = new Set(JSON.parse(token.hardware) as string[]);
  return hardware.some((one) => listed.has(one));
}

/** Both public keys of a device, as they are kept. */
export async function keyRows(report: PublicJwk, encryption: PublicJwk, now: number): Promise<NewKey[]> {
  const row = async (kind: NewKey['kind'], jwk: PublicJwk) => ({
    kid: await thumbprint(jwk),
    kind,
    jwk: JSON.stringify(jwk),
    created_at: now,
  });
  return [await row('report', report), await row('encryption', encryption)];
}

function answer({ clock, keys, issuer }: EnrolParts, { claims }: Asked, device: Admitted): Promise<string> {
  const result: EnrolResult = {
    iss: issuer,
    aud: deviceUrn(device.id),
    iat: seconds(clock.now()),
    nonce: claims.nonce,
    device: device.id,
    status: device.status === 'live' ? 'enrolled' : 'pending',
    order_keys: [keys.order.jwk],
  };
  return seal(TYP.enrollResult, result, keys.root, true);
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
