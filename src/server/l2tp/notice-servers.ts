import type { Fact } from '../../../collectors/specs.ts';
import { iso, type Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Policy } from '../../policy/policy.ts';
import type { DeviceState } from '../device-state.ts';
import { clearAlarmOf, raiseAlarm } from '../store/alarms.ts';
import { addL2tpEvent, attemptsOf, putAttempts, putServer, serversOf } from '../store/l2tp-servers.ts';
import { wantedOf } from '../store/orders.ts';
import { isUnderWay, lastBroughtAbout } from '../store/rollouts.ts';
import type { Db, Store } from '../store/store.ts';
import type { L2tpEventRow, L2tpServerRow } from '../store/l2tp-tables.ts';
import { addRollout } from './rollout-requests.ts';

type L2tpServerFact = Fact<'l2tp-server'>;

export type NoticeParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  policy(): Policy;
  /** Brings memory level with the store after a device's alarms have changed. */
  changed(device: string): Promise<void>;
};

/** What one report has shown that is new; empty when nothing is. */
type Noticed = {
  events: Omit<L2tpEventRow, 'id'>[];
  alarmed: boolean;
  /** Attempts that will be told of later. */
  pending: boolean;
};

/** An event about attempts is not repeated within this time: whoever scans does so all day. */
const TELL_AGAIN_MS = 600_000;

/**
 * Keeps each device's baseline of L2TP servers level with its reports: one that is new, comes back or goes is an
 * event, one that nobody has accepted an alarm, and the policy may have it closed.
 */
export function createServerNotice(parts: NoticeParts): (state: DeviceState) => Promise<void> {
  const { store, clock, log, policy, changed } = parts;
  // What was last noticed of each device: most reports say the same as the one before.
  const noticed = new Map<string, string>();
  return async ({ id, readings }) => {
    const reading = readings['l2tp-server'];
    if (reading?.state !== 'known') return;
    const { fact } = reading;
    const key = JSON.stringify([namesOf(fact), fact.closed?.since, fact.closed?.attempts]);
    if (noticed.get(id) === key) return;
    const now = clock.now();
    if (!(await store.read((db) => isAnyNews(db, id, fact, now)))) return void noticed.set(id, key);
    const found = await store.write((db) => notice(db, { device: id, fact, policy: policy(), now }));
    if (!found.pending) noticed.set(id, key);
    for (const { kind, text } of found.events) log.warn({ device: id, kind }, text);
    if (found.alarmed) await changed(id);
  };
}

/** Who serves L2TP there. What is closed by us does not, whoever still listens behind the rule. */
export function namesOf({ verdict, closed, listening, services }: L2tpServerFact): string[] {
  if (verdict !== 'server' || closed) return [];
  const owners = listening.map(({ owner }) => owner.service ?? owner.process ?? 'the kernel');
  const serving = services.filter(({ role, state }) => role === 'server' && state === 'running');
  const names = [...owners, ...serving.map(({ name }) => name)];
  return [...new Set(names.length === 0 ? ['unknown'] : names)].toSorted();
}

async function isAnyNews(db: Db, device: string, fact: L2tpServerFact, now: number): Promise<boolean> {
  const present = (await serversOf(db, device)).filter(({ state }) => state === 'present');
  const isSame = present.map(({ name }) => name).join('\n') === namesOf(fact).join('\n');
  return !isSame || (await newAttempts(db, device, fact, now)).count > 0;
}

type Seen = { device: string; fact: L2tpServerFact; policy: Policy; now: number };

async function notice(db: Db, seen: Seen): Promise<Noticed> {
  const { device, fact, now } = seen;
  const attempts = await newAttempts(db, device, fact, now);
  const events = await changesOf(db, seen);
  if (attempts.count > 0 && !attempts.isEarly) {
    const text = `${attempts.count} packets to UDP 1701 of a computer that is closed (${fact.closed?.way ?? ''}).`;
    events.push({ device, at: now, kind: 'attempts', text });
    const { since = '', attempts: told } = fact.closed ?? {};
    await putAttempts(db, { device, since, told: told ?? 0, told_at: now });
  }
  for (const event of events) await addL2tpEvent(db, event);
  const alarmed = await levelAlarm(db, seen, events);
  return { events, alarmed, pending: attempts.count > 0 && attempts.isEarly };
}

/** The baseline brought level; what that changed in it. */
async function changesOf(db: Db, { device, fact, now }: Seen): Promise<Noticed['events']> {
  const known = await serversOf(db, device);
  const names = namesOf(fact);
  const events: Noticed['events'] = [];
  for (const name of names) {
    const before = known.find((row) => row.name === name);
    if (before?.state === 'present') continue;
    const kind =
      before === undefined ? 'found' : (await isMeantBack(db, device, now)) ? 'reopened' : 'reappeared';
    events.push({ device, at: now, kind, text: sentence(kind, name, before) });
    const first = { first_at: now, times: 0, accepted_by: null, ...before };
    await putServer(db, {
      ...first,
      device,
      name,
      state: 'present',
      changed_at: now,
      times: first.times + 1,
    });
  }
  for (const row of known.filter(({ state, name }) => state === 'present' && !names.includes(name))) {
    events.push({ device, at: now, kind: 'gone', text: `${row.name} serves L2TP no more.` });
    await putServer(db, { ...row, state: 'gone', changed_at: now });
  }
  return events;
}

function sentence(kind: L2tpEventRow['kind'], name: string, before: L2tpServerRow | undefined): string {
  if (kind === 'found') return `${name} serves L2TP; it was not known to.`;
  const since = iso(before?.changed_at ?? 0);
  return kind === 'reopened'
    ? `${name} serves L2TP again, as was ordered.`
    : `${name} serves L2TP again; it was gone since ${since}.`;
}

/** Somebody has ordered it back, or the time for which it was closed is over. */
async function isMeantBack(db: Db, device: string, now: number): Promise<boolean> {
  const wanted = (await wantedOf(db, device)).find(({ aspect }) => aspect === 'l2tp-server');
  if (wanted?.want === 'open') return true;
  const last = await lastBroughtAbout(db, device);
  if (last === undefined) return false;
  if (last.action === 'reopen') return true;
  return last.duration !== null && (last.finished_at ?? now) + last.duration <= now;
}

/** Raises the alarm, or clears it once its cause is gone; true when that has changed anything. */
async function levelAlarm(
  db: Db,
  { device, policy, now }: Seen,
  events: Noticed['events'],
): Promise<boolean> {
  const present = (await serversOf(db, device)).filter(({ state }) => state === 'present');
  const kind = 'l2tp_server' as const;
  const open = present.filter(({ accepted_by }) => accepted_by === null);
  if (open.length === 0) return clearAlarmOf(db, { device, kind }, 'server: it is gone', now);
  const unmeant = events.filter((event) => event.kind === 'found' || event.kind === 'reappeared');
  if (unmeant.length === 0 || policy.checks['l2tp-server'].expect.allowed) return false;
  await closeBySelf(db, { device, policy, now }, unmeant);
  return raiseAlarm(
    db,
    {
      device,
      kind,
      detail: open
        .map(({ name }) => name)
        .join(', ')
        .slice(0, 500),
    },
    now,
  );
}

async function closeBySelf(
  db: Db,
  { device, policy: { l2tpServers }, now }: Omit<Seen, 'fact'>,
  unmeant: Noticed['events'],
): Promise<void> {
  const { close, way } = l2tpServers;
  const isBack = unmeant.some(({ kind }) => kind === 'reappeared');
  const wasClosed = (await lastBroughtAbout(db, device))?.action === 'close';
  if (close === 'never' || (close === 'reappeared' && !(isBack && wasClosed))) return;
  if (await isUnderWay(db, device)) return;
  const cause = (unmeant[0]?.text ?? 'An L2TP server was found.').slice(0, 500);
  const request = { action: 'close' as const, way, evenIfUsed: false, batch: 1, stopAfter: 1, cause };
  await addRollout(db, request, [device], { actor: 'server', now, limits: l2tpServers });
}

/** Packets that nobody was told of; early when an event about others is too recent. */
async function newAttempts(
  db: Db,
  device: string,
  { closed }: L2tpServerFact,
  now: number,
): Promise<{ count: number; isEarly: boolean }> {
  if (!closed || closed.attempts === null || closed.attempts === 0) return { count: 0, isEarly: false };
  const before = await attemptsOf(db, device);
  const told = before?.since === closed.since ? before.told : 0;
  const isEarly = before !== undefined && now - before.told_at < TELL_AGAIN_MS;
  return { count: Math.max(0, closed.attempts - told), isEarly };
}
