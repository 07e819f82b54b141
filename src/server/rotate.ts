import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { rotateClaims, type RotateClaims } from '../wire/enrolment.ts';
import { inspect, open, publicJwk, seal, thumbprint, TYP, type PublicJwk } from '../wire/envelope.ts';
import { deviceUrn } from '../wire/ids.ts';
import type { Refusal } from '../wire/refusal.ts';
import type { Connections } from './connections.ts';
import type { Challenges } from './challenges.ts';
import { keyRows } from './enrol.ts';
import type { SigningKeys } from './signing-keys.ts';
import { audit } from './store/audit.ts';
import { findByReportKey, isKnownKey, replaceKeys, type DeviceOfKey } from './store/devices.ts';
import type { Db, Store } from './store/store.ts';
import { isSkewed } from './verify-report.ts';

export type RotateParts = {
  store: Store;
  clock: Clock;
  keys: SigningKeys;
  issuer: string;
  connections: Connections;
  challenges: Challenges;
};

type Asked = { claims: RotateClaims; oldKid: string; newKid: string };

const MAX_TOKEN_BYTES = 16_384;

/**
 * New keys for a device: the same payload signed by the report key that goes and by the one that comes. From then on
 * the old key opens no session; asked again with the same two, as after a lost answer, the answer is the same.
 */
export async function rotate(
  parts: RotateParts,
  given: { old: string; new: string },
  remote: string,
): Promise<Result<string, Refusal>> {
  const { store, clock, connections } = parts;
  const asked = await readRequest(parts, given);
  if (!asked.ok) return asked;
  const done = await store.write((db) => putKeys(db, asked.value, remote, clock.now()));
  if (!done.ok) return done;
  // What it is connected as is no more.
  connections.of(done.value)?.close('superseded');
  return ok(await answer(parts, asked.value, done.value));
}

async function readRequest(
  { store, clock, issuer, challenges }: RotateParts,
  { old, new: fresh }: { old: string; new: string },
): Promise<Result<Asked, Refusal>> {
  const [before, after] = [old, fresh].map((jws) => inspect(jws, TYP.rotate, MAX_TOKEN_BYTES));
  if (before?.ok !== true || after?.ok !== true) return err('malformed');
  // One payload, two signatures: neither key can be made to vouch for what the other did not see.
  if (payloadOf(old) !== payloadOf(fresh)) return err('malformed');
  const [oldKid, newKid] = [before.value.kid, after.value.kid];
  const device = await store.read((db) => findByReportKey(db, oldKid));
  if (device === undefined) return err('unknown_key');
  const claims = await open(old, publicJwk.parse(JSON.parse(device.jwk)), rotateClaims);
  if (!claims.ok) return claims;
  const shown = after.value.jwk;
  if (shown === undefined || !(await isKey(shown, newKid, claims.value.report_key))) return err('malformed');
  const proof = await open(fresh, shown, rotateClaims);
  if (!proof.ok) return proof;
  const refusal = claimsRefusal(claims.value, device, issuer, clock.now());
  if (refusal !== null) return err(refusal);
  if (!challenges.use(claims.value.nonce, clock.now())) return err('challenge_unknown');
  return ok({ claims: claims.value, oldKid, newKid });
}

function payloadOf(jws: string): string {
  return jws.split('.')[1] ?? '';
}

async function isKey(shown: PublicJwk, kid: string, claimed: PublicJwk): Promise<boolean> {
  return (await thumbprint(shown)) === kid && (await thumbprint(claimed)) === kid;
}

function claimsRefusal(
  claims: RotateClaims,
  device: DeviceOfKey,
  issuer: string,
  now: number,
): Refusal | null {
  if (claims.iss !== deviceUrn(device.id)) return 'wrong_issuer';
  if (claims.aud !== issuer) return 'wrong_audience';
  return isSkewed(claims.iat, now) ? 'clock_skew' : null;
}

/** A unit of the store. Answers with the device. */
async function putKeys(
  db: Db,
  { claims, oldKid, newKid }: Asked,
  remote: string,
  now: number,
): Promise<Result<string, Refusal>> {
  const device = await findByReportKey(db, oldKid);
  const code = device === undefined ? 'unknown_key' : await stateRefusal(db, device, newKid);
  const subject = device?.id ?? oldKid;
  if (code === 'done') return ok(subject);
  if (code !== null) {
    await audit(db, now, { actor: remote, action: `rotate keys refused ${code}`, subject });
    return err(code);
  }
  const keys = await keyRows(claims.report_key, claims.encryption_key, now);
  for (const { kid } of keys) if (await isKnownKey(db, kid)) return err('malformed');
  await replaceKeys(db, subject, { keys, protection: claims.key_protection }, now);
  const detail = { old: oldKid, new: newKid, protection: claims.key_protection, remote };
  await audit(db, now, { actor: deviceUrn(subject), action: 'rotate keys', subject, detail });
  return ok(subject);
}

async function stateRefusal(db: Db, device: DeviceOfKey, newKid: string): Promise<Refusal | 'done' | null> {
  if (device.status !== 'live') return device.status === 'revoked' ? 'revoked' : 'approval_pending';
  if (device.retired_at === null) return null;
  const current = await findByReportKey(db, newKid);
  return current?.id === device.id && current.retired_at === null ? 'done' : 'key_retired';
}

function answer(
  { keys, issuer, clock }: RotateParts,
  { claims, newKid }: Asked,
  device: string,
): Promise<string> {
  const iat = Math.floor(clock.now() / 1_000);
  const result = { iss: issuer, aud: deviceUrn(device), iat, nonce: claims.nonce, kid: newKid };
  return seal(TYP.rotateResult, result, keys.root, true);
}
