import type { Clock } from '../base/clock.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import { gatewayOf, type GatewayCredential } from './gateway-auth.ts';
import type { Gate, Gated, Unheard } from './radius.ts';
import type { Dialling } from './radius-request.ts';
import { noteLogin } from './store/logins.ts';
import { doesAccounting } from './store/sessions.ts';
import type { Db, Store } from './store/store.ts';

/** A gateway that tells of its sessions has told of a new one within this time. */
const UNTIL_START_SECONDS = 60;
/** A session without a limit of its own. */
const LONGEST_SECONDS = 86_400;

const MAX_NAME = 253;

export type LoginParts = { store: Store; clock: Clock; fleet: Fleet; gate: Gate };

/**
 * Answers a login. Who asks, what is known, the answer and its record are one unit of the store, so that the answer
 * rests on nothing older than itself. From then on its device counts as having a session. The record outlives this
 * process before the answer is said, and the disk has it within a second or two: a power failure in between loses a
 * record of which the session's accounting tells again, which is stored before it is answered. Throws `HttpProblem`.
 */
export async function takeLogin(
  parts: LoginParts,
  credential: GatewayCredential,
  dialling: Dialling,
): Promise<Gated> {
  let taken = await take(parts, credential, dialling, false);
  if ('unheard' in taken) {
    await parts.gate.hear(taken);
    taken = await take(parts, credential, dialling, true);
  }
  // One that was asked is not asked again.
  if ('unheard' in taken) throw new Error('a login was not answered');
  const { gated, session } = taken;
  if (gated.state !== null && gated.answer.access !== 'deny') {
    await noteSession(parts.fleet, gated.state.id, session);
  }
  return gated;
}

/** Milliseconds. */
type Granted = { since: number; until: number };

function take(
  { store, clock, gate }: LoginParts,
  credential: GatewayCredential,
  dialling: Dialling,
  asked: boolean,
): Promise<Unheard | { gated: Gated; session: Granted }> {
  return store.note(async (db) => {
    const gateway = await gatewayOf(db, credential);
    const gated = await gate.answer(db, dialling, asked);
    if ('unheard' in gated) return gated;
    const since = clock.now();
    return { gated, session: { since, until: await write(db, gateway, dialling, gated, since) } };
  });
}

/** Answers with the time (milliseconds) until which the login counts as a session by itself. */
async function write(
  db: Db,
  gateway: string,
  { userName, address, nas }: Dialling,
  { answer: { access }, nonce, state, identity, reason, ceiling, sessionTimeout }: Gated,
  now: number,
): Promise<number> {
  const untold = (await doesAccounting(db, gateway))
    ? UNTIL_START_SECONDS
    : (sessionTimeout ?? LONGEST_SECONDS);
  const until = now + untold * 1_000;
  await noteLogin(db, {
    id: nonce,
    gateway,
    nas: nas.slice(0, MAX_NAME),
    at: now,
    expires_at: until,
    device: state?.id ?? null,
    user: userName.slice(0, MAX_NAME),
    address,
    access,
    reason,
    identity,
    session_timeout: sessionTimeout,
    ceiling,
  });
  return until;
}

/** In memory what `loadState` would read: silence counts from here on. */
async function noteSession(fleet: Fleet, device: string, granted: Granted): Promise<void> {
  if (!fleet.isBusy(device)) return putSession(fleet, fleet.peek(device), granted);
  await fleet.exclusively(device, async () => putSession(fleet, fleet.peek(device), granted));
}

/** One that is not in memory will be read with its session. */
function putSession(fleet: Fleet, state: DeviceState | undefined, { since, until }: Granted): void {
  if (state === undefined || state.session === 'unknown') return;
  const before = state.session === 'none' ? 0 : state.session.until;
  fleet.put({ ...state, session: { since, until: Math.max(before, until) }, dueAt: 0 });
}
