import { randomUUIDv7 } from 'node:crypto';
import { ACCESS, type Access } from '../wire/decision.ts';
import { nasFor } from './radius-nas.ts';
import type { Nas, NasType, RadiusSettings } from './radius-settings.ts';
import { templateFor } from './radius-templates.ts';
import { insertNasRequest, latestAbout, updateNasRequest } from './store/nas-requests.ts';
import { openOfDevice } from './store/sessions.ts';
import type { Db } from './store/store.ts';
import type { NasRequestRow, SessionRow } from './store/tables.ts';
import { normalAddress } from './addresses.ts';

/** What a device may do now, and why. */
export type Verdict = {
  device: string;
  access: Access;
  cause: string;
  /** Whether its word is too old to give anybody more than they have. */
  outdated: boolean;
};

/** NASes that can put a session that is up under other rules. accel-ppp cannot move one to another pool. */
const CAN_CHANGE: Record<NasType, boolean> = {
  generic: true,
  'freeradius-pppd': true,
  'accel-ppp': false,
  mikrotik: true,
  cisco: true,
  'windows-rras': false,
};

/**
 * A unit of the store: puts down what has to be asked of NASes so that every session of a device that is up may do
 * what the device may. Answers with the names of the NASes that have something to do now.
 */
export async function planContainment(
  db: Db,
  verdict: Verdict,
  settings: RadiusSettings,
  now: number,
): Promise<string[]> {
  const names: string[] = [];
  for (const session of await openOfDevice(db, verdict.device)) {
    const nas = nasOfSession(session, settings);
    if (nas?.dynamicAuthorization === undefined) continue;
    if (await planSession(db, { session, nas, verdict, settings, now })) names.push(nas.name);
  }
  return [...new Set(names)];
}

/** Whether nothing would be put down. */
export async function isLevel(
  db: Db,
  verdict: Verdict,
  settings: RadiusSettings,
  now: number,
): Promise<boolean> {
  for (const session of await openOfDevice(db, verdict.device)) {
    const nas = nasOfSession(session, settings);
    if (nas?.dynamicAuthorization === undefined) continue;
    const { isAsked, stale } = await standOf(db, { session, nas, verdict, settings, now });
    if (!isAsked || stale.length > 0) return false;
  }
  return true;
}

export function nasOfSession({ nas }: SessionRow, settings: RadiusSettings): Nas | null {
  return nasFor({ nas, nasAddress: normalAddress(nas) }, settings.nas);
}

type Case = { session: SessionRow; nas: Nas; verdict: Verdict; settings: RadiusSettings; now: number };

async function planSession(db: Db, one: Case): Promise<boolean> {
  const { session, verdict, now } = one;
  const { asked, isAsked, stale } = await standOf(db, one);
  // What was decided before is no longer wanted, sent or not.
  for (const { id } of stale) await updateNasRequest(db, id, { state: 'superseded', finished_at: now });
  if (asked === null || isAsked) return false;
  await insertNasRequest(db, requestRow(one.nas.name, session, { ...asked, cause: verdict.cause }, now));
  return true;
}

/** How long a NAS that has refused something is not asked for it again. */
const REFUSED_MS = 600_000;

type Stand = {
  asked: Pick<NasRequestRow, 'kind' | 'want'> | null;
  /** Whether that is nothing, waits already, or was refused just now. */
  isAsked: boolean;
  /** What waits and is wanted no more. */
  stale: NasRequestRow[];
};

async function standOf(db: Db, one: Case): Promise<Stand> {
  const { session, now } = one;
  const asked = requestFor(one);
  const latest = await latestAbout(db, session.id);
  const waiting = latest.filter(({ state }) => state === 'waiting');
  const isRecent = ({ state, finished_at: at }: NasRequestRow) =>
    state === 'waiting' || (state === 'failed' && (at ?? 0) > now - REFUSED_MS);
  return {
    asked,
    isAsked: asked === null || latest.some((row) => row.want === asked.want && isRecent(row)),
    stale: waiting.filter(({ want }) => want !== asked?.want),
  };
}

/** What would make a session be what it should; null where it is, or where its end has to be waited for. */
function requestFor({ session, nas, verdict, settings }: Case): Pick<NasRequestRow, 'kind' | 'want'> | null {
  const want = wantedOf(session, nas, verdict, settings);
  const has = accessOf(session.access);
  if (want === has || (has === null && want !== 'deny')) return null;
  if (want === 'deny') return { kind: 'disconnect', want };
  const isBetter = has !== null && ACCESS.indexOf(want) < ACCESS.indexOf(has);
  if (isBetter && verdict.outdated) return null;
  if (CAN_CHANGE[nas.type]) return { kind: 'coa', want };
  // Whoever dials again gets what is due; for the better the session's short end does it as well.
  return isBetter ? null : { kind: 'disconnect', want };
}

/** Never more than how surely the device was recognised allows. */
function wantedOf(session: SessionRow, nas: Nas, { access }: Verdict, settings: RadiusSettings): Access {
  const ceiling = accessOf(session.ceiling) ?? 'allow';
  const want = ACCESS.indexOf(access) > ACCESS.indexOf(ceiling) ? access : ceiling;
  return templateFor(want, nas, settings) === 'deny' ? 'deny' : want;
}

export function accessOf(text: string | null): Access | null {
  return ACCESS.find((access) => access === text) ?? null;
}

export function requestRow(
  nas: string,
  { id: session, device }: SessionRow,
  { kind, want, cause }: Pick<NasRequestRow, 'kind' | 'want' | 'cause'>,
  now: number,
): NasRequestRow {
  return {
    id: randomUUIDv7(),
    device,
    session,
    nas,
    kind,
    want,
    cause: cause.slice(0, 500),
    created_at: now,
    state: 'waiting',
    attempts: 0,
    next_at: now,
    answer: null,
    finished_at: null,
  };
}
