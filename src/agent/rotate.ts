import type { Clock } from '../base/clock.ts';
import { rotateResult, type RotateClaims } from '../wire/enrolment.ts';
import { seal, thumbprint, TYP, type Signer } from '../wire/envelope.ts';
import { deviceUrn, serverUrn } from '../wire/ids.ts';
import { EnrolError, fetchChallenge, postSigned, type Challenge } from './enrol-protocol.ts';
import { keysOf, type EnrolmentState } from './enrolment.ts';
import type { Route } from './http.ts';
import {
  createKeys,
  forgetKeys,
  keyPath,
  openKeys,
  type KeyChoice,
  type KeyHome,
  type KeyLocation,
} from './key-choice.ts';
import { KeyStoreError, reportSigner, type KeyStore } from './keys.ts';
import type { StateFile } from './state-file.ts';
import { loadTrust } from './trust.ts';

export type Rotation = {
  route: Route;
  file: StateFile<EnrolmentState>;
  home: KeyHome;
  clock: Clock;
  caFile?: string | undefined;
  signal?: AbortSignal;
};

/**
 * Gives an enrolled device new keys, in the best store that works here. The new keys are on disk and in the record
 * before the server hears of them, and the old ones until it has answered: cut off anywhere, `finishRotation` goes on.
 * Throws `EnrolError` or `KeyStoreError`.
 */
export async function rotateKeys(wanted: Rotation, choice: KeyChoice): Promise<EnrolmentState> {
  const state = await wanted.file.read();
  if (state === null || state.device === null)
    throw new EnrolError('not_enrolled', 'This device is not enrolled; it has no keys to replace.');
  const continued = await continueRotation({ ...wanted, state });
  if (continued !== null) return continued;
  const slot = state.keySlot === 'a' ? 'b' : 'a';
  const { kind, keys } = await createKeys(choice, slot);
  const begun = { ...state, next: { kind, slot } } satisfies EnrolmentState;
  await wanted.file.write(begun);
  return finishRotation(wanted, begun, keys);
}

/** Goes on with what a run before has begun; null where nothing was. */
export async function continueRotation(
  wanted: Rotation & { state: EnrolmentState },
): Promise<EnrolmentState | null> {
  const { state, home } = wanted;
  const begun = state.next === null ? null : await openKeys(state.next, home);
  return begun === null ? null : finishRotation(wanted, state, begun);
}

async function finishRotation(
  wanted: Rotation,
  state: EnrolmentState,
  fresh: KeyStore,
): Promise<EnrolmentState> {
  const { route, file, home } = wanted;
  const before = await openKeys(keysOf(state), home);
  if (before === null) throw new KeyStoreError('The keys that are to be replaced are gone. Enrol again.');
  const challenge = await fetchChallenge(route, state.server.orderRoot, wanted.signal);
  const claims = await claimsFor(wanted, state, fresh, challenge);
  const [old, next] = [await reportSigner(before), await reportSigner(fresh)];
  const body = { old: await seal(TYP.rotate, claims, old), new: await seal(TYP.rotate, claims, next, true) };
  await postRotation(wanted, state, body, { nonce: claims.nonce, next });
  const finished = finish(state);
  await file.write(finished);
  await forget(state, finished, home);
  return finished;
}

async function claimsFor(
  { clock }: Rotation,
  state: EnrolmentState,
  fresh: KeyStore,
  { challenge, serverNow }: Challenge,
): Promise<RotateClaims> {
  const { report, encryption } = await fresh.publicJwks();
  // As for enrolment: the root has just stated its time; where both agree, ours is finer.
  const now = Math.abs(serverNow - clock.now()) > 30_000 ? serverNow : clock.now();
  return {
    iss: deviceUrn(state.device ?? ''),
    aud: serverUrn(state.server.orderRoot),
    iat: Math.floor(now / 1_000),
    nonce: challenge,
    report_key: report,
    encryption_key: encryption,
    key_protection: fresh.protection,
  };
}

async function postRotation(
  { route, caFile, signal }: Rotation,
  { server }: EnrolmentState,
  body: { old: string; new: string },
  expected: { nonce: string; next: Signer },
): Promise<void> {
  const trust = await loadTrust(server.tlsCa, caFile);
  const about = { route, trust, orderRoot: server.orderRoot, ...(signal === undefined ? {} : { signal }) };
  const result = await postSigned(about, { path: '/v1/keys', body, typ: TYP.rotateResult }, rotateResult);
  if (result.nonce !== expected.nonce || result.kid !== (await thumbprint(expected.next.jwk)))
    throw new EnrolError('malformed', 'The server’s answer belongs to another request. Run this again.');
}

/** The keys before are kept for secrets that were sealed to them; they open no session any more. */
function finish(state: EnrolmentState): EnrolmentState {
  if (state.next === null) return state;
  const { kind: keyStore, slot: keySlot } = state.next;
  return { ...state, keyStore, keySlot, next: null, older: keysOf(state) };
}

/** What was older than the old ones. */
async function forget(before: EnrolmentState, after: EnrolmentState, home: KeyHome): Promise<void> {
  const path = (where: KeyLocation | null) => (where === null ? null : keyPath(where, home));
  const kept = [path(keysOf(after)), path(after.older)];
  if (before.older !== null && !kept.includes(path(before.older))) await forgetKeys(before.older, home);
}
