import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { sessionClaims, type SessionClaims } from '../wire/enrolment.ts';
import { inspect, open, publicJwk, thumbprint, TYP } from '../wire/envelope.ts';
import { MAX_FRAME } from '../wire/frames.ts';
import { deviceUrn } from '../wire/ids.ts';
import type { Refusal } from '../wire/refusal.ts';
import { OUR_VERSIONS } from '../wire/version.ts';
import type { Fleet } from './fleet.ts';
import type { Nonces } from './nonces.ts';
import type { NoteRefusal } from './refused-sessions.ts';
import { raiseAlarm } from './store/alarms.ts';
import { findByReportKey, findDevice, setBoot, type Device, type DeviceOfKey } from './store/devices.ts';
import { StoreUnavailable, type Db, type Store } from './store/store.ts';
import { isSkewed, type Session } from './verify-report.ts';

/** Starts of an agent that are remembered after another one took over. */
const MAX_RETIRED = 16;

export type SessionParts = {
  store: Store;
  fleet: Fleet;
  clock: Clock;
  audience: string;
  /** Called when an alarm has made a device worth judging again. */
  alarmed: (device: string) => void;
  noteRefusal: NoteRefusal;
};

/** Opens a session: the report key vouches for this connection's key. `remote` is for the audit record. */
export async function openSession(
  parts: SessionParts,
  jws: string,
  nonces: Nonces,
  remote: string,
): Promise<Result<{ session: Session; version: number }, Refusal>> {
  try {
    const proven = await prove(parts, jws, nonces);
    if (!proven.ok) return await refused(parts, proven.error, remote);
    const { device, claims } = proven.value;
    const refusal = await parts.store.write((db) => takeOver(db, device.id, claims.boot, parts.clock.now()));
    if (refusal === 'cloned_key') await noticeClone(parts, device.id);
    if (refusal !== null) return await refused(parts, { code: refusal, device: device.id }, remote);
    const { jwk } = claims.cnf;
    const session = {
      device: device.id,
      ueid: device.ueid,
      jwk,
      kid: await thumbprint(jwk),
      boot: claims.boot,
    };
    return ok({ session, version: claims.version });
  } catch (error) {
    if (error instanceof StoreUnavailable) return err('store_unavailable');
    throw error;
  }
}

async function refused(
  { noteRefusal }: SessionParts,
  { code, device }: Unproven,
  remote: string,
): Promise<Result<never, Refusal>> {
  if (device !== null) await noteRefusal({ code, device, remote });
  return err(code);
}

/** Why nobody is let in, and which device's key it was where that is known. */
type Unproven = { code: Refusal; device: string | null };

function refuse(code: Refusal, device: string | null): Result<never, Unproven> {
  return err({ code, device });
}

async function prove(
  { store, clock, audience }: SessionParts,
  jws: string,
  nonces: Nonces,
): Promise<Result<{ device: Device; claims: SessionClaims }, Unproven>> {
  const header = inspect(jws, TYP.session, MAX_FRAME);
  if (!header.ok) return refuse(header.error, null);
  const device = await store.read((db) => findByReportKey(db, header.value.kid));
  if (device === undefined) return refuse('unknown_key', null);
  const claims = await open(jws, publicJwk.parse(JSON.parse(device.jwk)), sessionClaims);
  if (!claims.ok) return refuse(claims.error, device.id);
  const refusal = sessionRefusal(claims.value, device, audience, nonces, clock.now());
  return refusal === null ? ok({ device, claims: claims.value }) : refuse(refusal, device.id);
}

function sessionRefusal(
  claims: SessionClaims,
  device: DeviceOfKey,
  audience: string,
  nonces: Nonces,
  now: number,
): Refusal | null {
  if (device.status === 'revoked') return 'revoked';
  if (device.retired_at !== null) return 'key_retired';
  if (claims.iss !== deviceUrn(device.id)) return 'wrong_issuer';
  if (claims.aud !== audience) return 'wrong_audience';
  if (isSkewed(claims.iat, now)) return 'clock_skew';
  const used = nonces.use(claims.eat_nonce, now);
  if (used !== 'used') return used;
  if (claims.version < OUR_VERSIONS.oldest || claims.version > OUR_VERSIONS.current)
    return 'protocol_unsupported';
  return device.status === 'pending' ? 'approval_pending' : null;
}

/**
 * Hands the device's identity to this start of the agent. A start that another one took over from never comes back
 * on one computer: when it does, two computers hold the same keys.
 */
async function takeOver(db: Db, id: string, boot: string, now: number): Promise<Refusal | null> {
  const device = await findDevice(db, id);
  if (device?.status !== 'live') return 'revoked';
  if (device.boot === boot) return null;
  const retired = JSON.parse(device.retired_boots) as string[];
  if (retired.includes(boot)) {
    await raiseAlarm(db, { device: id, kind: 'cloned_key', detail: `start ${boot} came back` }, now);
    return 'cloned_key';
  }
  const earlier = device.boot === null ? retired : [...retired, device.boot];
  await setBoot(db, id, boot, earlier.slice(-MAX_RETIRED));
  return null;
}

async function noticeClone({ fleet, alarmed }: SessionParts, device: string): Promise<void> {
  await fleet.exclusively(device, async () => fleet.forget(device));
  alarmed(device);
}
