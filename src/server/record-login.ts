import type { Clock } from '../base/clock.ts';
import type { Fleet } from './fleet.ts';
import type { Gated } from './radius.ts';
import type { Dialling } from './radius-request.ts';
import { audit } from './store/audit.ts';
import { doesAccounting, insertLogin } from './store/sessions.ts';
import type { Db, Store } from './store/store.ts';

/** A gateway that tells of its sessions has told of a new one within this time. */
const UNTIL_START_SECONDS = 60;
/** A session without a limit of its own. */
const LONGEST_SECONDS = 86_400;

const MAX_NAME = 253;

/**
 * Puts a login and its answer on record; from then on its device counts as having a session. It outlives this process
 * before it is said, and the disk has it within a second or two: a power failure in between loses a record of which the
 * session's accounting tells again, which is stored before it is answered.
 */
export async function recordLogin(
  { store, clock, fleet }: { store: Store; clock: Clock; fleet: Fleet },
  gateway: string,
  dialling: Dialling,
  gated: Gated,
): Promise<void> {
  const now = clock.now();
  const until = await store.note((db) => write(db, gateway, dialling, gated, now));
  if (gated.state === null || gated.answer.access === 'deny') return;
  await noteSession(fleet, gated.state.id, { since: now, until });
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
  await insertLogin(db, {
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
  const detail = { user: userName, address, nas, reason, identity };
  await audit(db, now, {
    actor: `gateway:${gateway}`,
    action: `gate ${access}`,
    subject: state?.id ?? 'nobody',
    detail,
  });
  return until;
}

/** In memory what `loadState` would read: silence counts from here on. */
async function noteSession(
  fleet: Fleet,
  device: string,
  session: { since: number; until: number },
): Promise<void> {
  await fleet.exclusively(device, async () => {
    const state = await fleet.get(device);
    if (state === null || state.session === 'unknown') return;
    const before = state.session === 'none' ? 0 : state.session.until;
    const until = Math.max(before, session.until);
    fleet.put({ ...state, session: { since: session.since, until }, dueAt: 0 });
  });
}
