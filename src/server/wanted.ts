import type { Decision } from '../wire/decision.ts';
import type { Action, Target } from '../wire/order.ts';
import { putWanted, wantedOf } from './store/orders.ts';
import type { Db } from './store/store.ts';
import type { WantedRow } from './store/tables.ts';

/** Respects in which a device can be ordered: each has one wanted state, and its own last order. */
export type Aspect = 'access' | 'profile' | 'isolation' | 'l2tp-server';

export const VPN = 'x-posture:vpn';
export const L2TP_SERVER = 'x-posture:l2tp-server';

/** What is wanted of a device in one respect, as the order that brings it about. */
export type Wanted = {
  aspect: Aspect;
  /** Two orders with the same word want the same. */
  want: string;
  action: Action;
  target: Target;
  value: unknown;
  /** When it ends by itself (milliseconds), or null. */
  until: number | null;
  since: number;
  cause: string;
  actor: string;
};

/**
 * Notes what a decision wants of the device's VPN. Silence wants nothing: nobody is there to obey, and whoever comes
 * back is judged by its first report. `previous` is the decision before it.
 */
export async function wantAccess(
  db: Db,
  device: string,
  previous: Decision | null,
  decision: Decision,
  now: number,
): Promise<void> {
  const want = wantOf(decision);
  // What the one before wanted is noted already.
  if (want === null || (previous !== null && wantOf(previous) === want)) return;
  const before = (await wantedOf(db, device)).find((row) => row.aspect === 'decision');
  // Nothing was ever forbidden, so there is nothing to allow.
  if (before === undefined && want === 'allowed') return;
  if (before?.want === want) return;
  const cause = decision.sentence.slice(0, 500);
  const rest = { value: null, since: now, until: null, cause, actor: 'server' };
  await putWanted(db, { device, aspect: 'decision', want, ...rest });
}

/** What all rows about a device come to now. */
export function effective(rows: readonly WantedRow[], now: number): Wanted[] {
  const of = (aspect: WantedRow['aspect']) => rows.find((row) => row.aspect === aspect);
  const access = accessOf(
    [of('decision'), of('access')].filter((row) => row !== undefined),
    now,
  );
  const all = [
    access,
    profileOf(of('profile')),
    isolationOf(of('isolation'), now),
    serverOf(of('l2tp-server'), now),
  ];
  return all.filter((wanted) => wanted !== null);
}

/** Denied while the decision or an administrator denies: neither lifts what the other wants. */
function accessOf(rows: readonly WantedRow[], now: number): Wanted | null {
  if (rows.length === 0) return null;
  const common = { aspect: 'access', target: VPN } as const;
  const denying = rows.filter((row) => row.want === 'denied' && !isOver(row, now));
  const [first] = denying.toSorted((a, b) => a.since - b.since);
  if (first === undefined) {
    const [last] = rows.toSorted((a, b) => b.since - a.since);
    const { since = 0, cause = '', actor = 'server' } = last ?? {};
    return { ...common, want: 'allowed', action: 'allow', value: {}, until: null, since, cause, actor };
  }
  const { since, cause, actor } = first;
  const profiles = denying.map((row) => profilesIn(row));
  const named = profiles.every((one) => one !== null) ? [...new Set(profiles.flat())].toSorted() : null;
  const value = named === null ? {} : { profiles: named };
  const until = denying.length === 1 ? first.until : null;
  const limits = [named === null ? null : JSON.stringify(named), until].filter((limit) => limit !== null);
  const want = ['denied', ...limits].join(' ');
  return { ...common, want, action: 'deny', value, until, since, cause, actor };
}

function profileOf(row: WantedRow | undefined): Wanted | null {
  if (row === undefined || row.want !== 'set') return null;
  const { since, cause, actor } = row;
  const want = `set ${since}`;
  return {
    aspect: 'profile',
    target: VPN,
    action: 'set',
    want,
    value: valueOf(row),
    until: null,
    since,
    cause,
    actor,
  };
}

/** Past its time nothing is wanted: the device has lifted it by itself. */
function isolationOf(row: WantedRow | undefined, now: number): Wanted | null {
  if (row === undefined || isOver(row, now)) return null;
  const { since, cause, actor, until } = row;
  const common = { aspect: 'isolation' as const, since, cause, actor };
  if (row.want === 'contained')
    return { ...common, want: `contained ${since}`, action: 'contain', target: 'device', value: {}, until };
  return {
    ...common,
    want: `none ${since}`,
    action: 'cancel',
    target: 'command',
    value: valueOf(row),
    until: null,
  };
}

/** An L2TP server closed, or put back; past its time the device has put it back by itself. */
function serverOf(row: WantedRow | undefined, now: number): Wanted | null {
  if (row === undefined || isOver(row, now)) return null;
  const { want, since, until, cause, actor } = row;
  return {
    aspect: 'l2tp-server',
    target: L2TP_SERVER,
    action: want === 'closed' ? 'deny' : 'allow',
    want: `${want} ${since}`,
    value: valueOf(row) ?? {},
    until,
    since,
    cause,
    actor,
  };
}

function isOver({ until }: WantedRow, now: number): boolean {
  return until !== null && until <= now;
}

function profilesIn(row: WantedRow): string[] | null {
  const value = valueOf(row) as { profiles?: string[] } | null;
  return value?.profiles ?? null;
}

function valueOf({ value }: WantedRow): unknown {
  return value === null ? null : JSON.parse(value);
}

function wantOf({ access, reason }: Decision): 'denied' | 'allowed' | null {
  if (reason === 'agent-silent') return null;
  return access === 'deny' ? 'denied' : 'allowed';
}
