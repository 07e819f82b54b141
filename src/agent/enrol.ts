import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { EnrolClaims, EnrolResult } from '../wire/enrolment.ts';
import { serverUrn } from '../wire/ids.ts';
import type { EnrolmentToken } from '../wire/token.ts';
import { keysOf, type EnrolmentState } from './enrolment.ts';
import { EnrolError, fetchChallenge, requestEnrolment, type Challenge } from './enrol-protocol.ts';
import type { Route } from './http.ts';
import { createKeys, openKeys, type KeyChoice } from './key-choice.ts';
import { reportSigner, type KeyStore } from './keys.ts';
import type { StateFile } from './state-file.ts';
import { loadTrust } from './trust.ts';

export type HostClaims = Omit<EnrolClaims['host'], 'key_protection'>;

export type Enrolment = {
  route: Route;
  token: EnrolmentToken;
  file: StateFile<EnrolmentState>;
  keys: KeyChoice;
  host: HostClaims;
  clock: Clock;
  caFile?: string | undefined;
  /** Gives the device a new identity although it has one. */
  again: boolean;
  signal?: AbortSignal;
};

/**
 * Enrols this device. What is needed to finish after a crash or a lost answer is on disk before the request: the
 * same token given again continues with the same keys. Throws `EnrolError` or `KeyStoreError`.
 */
export async function enrol(wanted: Enrolment): Promise<EnrolmentState> {
  const { route, token, file, signal } = wanted;
  const earlier = await file.read();
  refuseSecond(earlier, wanted);
  const challenge = await fetchChallenge(route, token.orderRoot, signal);
  const { record, keys } = await prepare(earlier, wanted, challenge);
  const result = await requestEnrolment({
    route,
    trust: await loadTrust(challenge.tlsCa, wanted.caFile),
    orderRoot: token.orderRoot,
    claims: await claimsFor(wanted, record, keys, challenge),
    signer: await reportSigner(keys),
    ...(signal === undefined ? {} : { signal }),
  });
  const finished = finish(record, result);
  await file.write(finished);
  return finished;
}

function refuseSecond(earlier: EnrolmentState | null, { again, token }: Enrolment): void {
  if (earlier === null || again || earlier.status === 'requested' || earlier.tokenId === token.id) return;
  throw new EnrolError(
    'already_enrolled',
    `This device is enrolled with ${earlier.server.url} already. To give it a new identity, add --again.`,
  );
}

type Prepared = { record: EnrolmentState; keys: KeyStore };

/** Keys first, then the record that names them, then the request. */
async function prepare(
  earlier: EnrolmentState | null,
  wanted: Enrolment,
  challenge: Challenge,
): Promise<Prepared> {
  const server = {
    url: wanted.route.url.origin,
    orderRoot: wanted.token.orderRoot,
    tlsCa: challenge.tlsCa,
  };
  const kept = await continued(earlier, wanted);
  if (kept !== null) return { ...kept, record: { ...kept.record, server } };
  const { kind, keys } = await createKeys(wanted.keys);
  const record: EnrolmentState = {
    server,
    tokenId: wanted.token.id,
    // Type byte 0x01 (random, RFC 9711) and 16 random bytes: derived from nothing about the machine.
    ueid: Buffer.concat([Buffer.of(1), randomBytes(16)]).toString('base64url'),
    keyStore: kind,
    keySlot: 'a',
    next: null,
    older: null,
    status: 'requested',
    device: null,
    orderKeys: [],
  };
  await wanted.file.write(record);
  return { record, keys };
}

/** The identity of an earlier run with the same token, if its keys are still there. */
async function continued(earlier: EnrolmentState | null, wanted: Enrolment): Promise<Prepared | null> {
  if (earlier === null || earlier.tokenId !== wanted.token.id) return null;
  // A fleet's token may serve twice: asked for again, a finished enrolment gets new keys.
  if (wanted.again && earlier.status !== 'requested') return null;
  if (earlier.server.orderRoot !== wanted.token.orderRoot) return null;
  const keys = await openKeys(keysOf(earlier), wanted.keys.home);
  return keys === null ? null : { record: earlier, keys };
}

async function claimsFor(
  { token, host, clock }: Enrolment,
  record: EnrolmentState,
  keys: KeyStore,
  challenge: Challenge,
): Promise<EnrolClaims> {
  const { encryption } = await keys.publicJwks();
  // The root has just stated its time; ours may be hours off. Where they agree, ours is finer.
  const now = Math.abs(challenge.serverNow - clock.now()) > 30_000 ? challenge.serverNow : clock.now();
  return {
    aud: serverUrn(token.orderRoot),
    iat: Math.floor(now / 1_000),
    nonce: challenge.challenge,
    token: { id: token.id, secret: token.secret },
    ueid: record.ueid,
    encryption_key: encryption,
    host: { ...host, key_protection: keys.protection },
  };
}

function finish(record: EnrolmentState, result: EnrolResult): EnrolmentState {
  return { ...record, status: result.status, device: result.device, orderKeys: result.order_keys };
}
