import type { ReasonCode, Readings } from '../../collectors/specs.ts';
import { follow, unknownFrom, type Courses } from '../policy/course.ts';
import { withGrace } from '../policy/grace.ts';
import { modeFor, type Traits } from '../policy/groups.ts';
import { assess, firstToFix, judge, type UnknownSince } from '../policy/judge.ts';
import type { Memory } from '../policy/memory.ts';
import type { Policy, Referenced } from '../policy/policy.ts';
import { tell } from '../policy/reminders.ts';
import { settledVerdicts } from '../policy/steady.ts';
import { sentenceFor } from '../policy/words.ts';
import {
  ACCESS,
  type Access,
  type Decision,
  type Held,
  type Mode,
  type Risk,
  type Verdict,
} from '../wire/decision.ts';

/** All that a decision rests on. Times are in milliseconds. */
export type Evidence = {
  readings: Partial<Readings>;
  unknownSince: UnknownSince;
  /** When the device was last heard; null before its first report. */
  seenAt: number | null;
  /** The time for which its readings were last asserted: heartbeats do not move it. */
  factsAt: number | null;
  /** Whether two computers are known to use the identity. */
  cloned: boolean;
  /** The VPN session that is up; `unknown` where no gateway tells of its sessions. */
  session?: VpnSession;
  /** The gravest open signal that is severe, where there is one. */
  signal?: { source: string; title: string } | null;
  traits: Traits;
  /** Until when an administrator lets it in whatever its state; null where nobody does. */
  breakGlassUntil: number | null;
  memory: Memory;
};

/** Milliseconds; `until` is Infinity for a session that is known to be up. */
export type VpnSession = { since: number; until: number } | 'none' | 'unknown';

/** A policy with the name under which it stands in decisions. */
export type NamedPolicy = { policy: Policy & Referenced; label: string };

/** What a device is judged by. Silence before `listeningSince` (milliseconds) was the server's own. */
export type Terms = NamedPolicy & { listeningSince: number };

export type Decided = {
  decision: Decision;
  verdicts: Verdict[];
  /** The next moment at which time alone changes something; Infinity when it cannot. */
  nextAt: number;
  /** What has to be remembered; the very memory of the evidence where nothing has changed. */
  memory: Memory;
  /** Whether the user is to be reminded of a deadline now. */
  remind: boolean;
  /** Whether the breaker has no say: a severe detection or a copied identity cannot wait for anybody. */
  severe: boolean;
};

/** What one consideration allows, and why. */
type Opinion = { access: Access; risk: Risk; reason: ReasonCode | 'ok'; sentence: string };

/** What is put in force of what is asked for; `heldUntil` in milliseconds, Infinity where time changes nothing. */
type Force = { access: Access; held: Held | null; heldUntil: number };

/** Stands for "until something is heard". */
const OPEN_END = '9999-12-31T23:59:59.999Z';

const MAX_SENTENCE = 500;

/** Full reports overdue until the facts count as stale, however many heartbeats say that the agent is alive. */
const OVERDUE_FULLS = 2;

/** Reasons that are no matter of fairness: they act at once, however many devices they concern. */
const SEVERE: readonly (ReasonCode | 'ok')[] = ['detection-severe', 'signal-high', 'agent-cloned'];

/** Pure. `previous` is the decision in force: it gives the new one its `since` where access stays the same. */
export function decide(evidence: Evidence, terms: Terms, now: number, previous: Decision | null): Decided {
  const { policy } = terms;
  const { found, unknown } = judgeOpenly(evidence, policy, now);
  const courses = follow(evidence.memory.courses, found, policy, now);
  const verdicts = withGrace(found, courses, policy, now);
  const byRisk = evidence.cloned ? clonedOpinion(policy) : riskWithSignal(verdicts, evidence, policy);
  const asked = stricter(byRisk, silenceOpinion(evidence, terms, now, byRisk.risk));
  const { mode } = modeFor(policy, evidence.traits);
  const force = evidence.cloned
    ? { access: asked.access, held: null, heldUntil: Infinity }
    : forceOf({ asked, mode, evidence, terms, now, previous, steady: { verdicts, courses } });
  const changesAt = Math.min(nextSilence(evidence, terms, now), force.heldUntil, nextEnd(verdicts, now));
  const told = tell(evidence.memory, verdicts, mode, now);
  return {
    decision: {
      ...decisionOf(asked, force, { now, previous, changesAt }),
      policy: terms.label,
      mode,
      ...told.words,
    },
    verdicts,
    nextAt: Math.min(changesAt, told.nextAt),
    memory: remembered(evidence.memory, {
      ...evidence.memory,
      courses,
      unknown,
      remindedAt: told.remindedAt,
    }),
    remind: told.due,
    severe: evidence.cloned || isSignalled(evidence) || verdicts.some(isSevere),
  };
}

/** What no reading dates is unknown from when it was first seen to be; from then on it follows its row. */
function judgeOpenly({ readings, unknownSince, factsAt, memory }: Evidence, policy: Policy, now: number) {
  const found = judge(readings, policy, now, { ...memory.unknown, ...unknownSince });
  // Before its first report nothing has been asked of a device.
  if (factsAt === null) return { found, unknown: memory.unknown };
  const undated = found.filter(({ check }) => !(check in unknownSince));
  const unknown = unknownFrom(memory.unknown, undated, now);
  if (unknown === memory.unknown) return { found, unknown };
  return { found: judge(readings, policy, now, { ...unknown, ...unknownSince }), unknown };
}

/** Whether two decisions say the same, apart from the times that every report moves. */
export function sameDecision(a: Decision | null, b: Decision): boolean {
  return (
    a !== null &&
    a.access === b.access &&
    a.reason === b.reason &&
    a.sentence === b.sentence &&
    a.policy === b.policy &&
    a.risk.score === b.risk.score &&
    a.risk.level === b.risk.level &&
    a.mode === b.mode &&
    a.would === b.would &&
    a.held === b.held &&
    a.deadline === b.deadline
  );
}

/** Whether a device that may do this has lost what it needs the VPN for. */
export function isCut(access: Access | undefined): boolean {
  return access === 'quarantine' || access === 'deny';
}

/** The same decision held at restrict by the breaker, until a person has confirmed it. */
export function heldByBreaker(decision: Decision, now: number, previous: Decision | null): Decision {
  const would = decision.would ?? decision.access;
  const since = sinceOf('restrict', previous, now);
  return { ...decision, access: 'restrict', would, held: 'breaker', since };
}

function decisionOf(
  asked: Opinion,
  { access, held }: Force,
  { now, previous, changesAt }: { now: number; previous: Decision | null; changesAt: number },
) {
  return {
    access,
    risk: asked.risk,
    reason: asked.reason,
    // Much of a sentence can be the device's own words; it goes into rows, frames and RADIUS.
    sentence: asked.sentence.slice(0, MAX_SENTENCE),
    since: sinceOf(access, previous, now),
    until: Number.isFinite(changesAt) ? new Date(changesAt).toISOString() : OPEN_END,
    would: held === null ? null : asked.access,
    held,
  };
}

function sinceOf(access: Access, previous: Decision | null, now: number): string {
  return previous?.access === access ? previous.since : new Date(now).toISOString();
}

type Asked = {
  asked: Opinion;
  mode: Mode;
  evidence: Evidence;
  terms: Terms;
  now: number;
  previous: Decision | null;
  steady: { verdicts: readonly Verdict[]; courses: Courses };
};

function forceOf(all: Asked): Force {
  const { asked, mode, evidence, now } = all;
  const { breakGlassUntil } = evidence;
  if (asked.access === 'allow') return { access: 'allow', held: null, heldUntil: Infinity };
  if (breakGlassUntil !== null && now < breakGlassUntil) {
    return { access: 'allow', held: 'break-glass', heldUntil: breakGlassUntil };
  }
  if (mode !== 'enforce') return { access: 'allow', held: 'mode', heldUntil: Infinity };
  return steadied(all);
}

/** A worse access waits until what asks for it has held for a while; a change of the policy is no flap. */
function steadied({ asked, evidence, terms, now, previous, steady }: Asked): Force {
  const inForce = { access: asked.access, held: null, heldUntil: Infinity };
  const isSameRule = previous?.policy === terms.label && previous.mode === 'enforce';
  if (previous === null || !isSameRule || !isStricter(asked.access, previous.access)) return inForce;
  const { settled, settlesAt } = settledVerdicts(steady.verdicts, steady.courses, terms.policy, now);
  const sure = stricter(
    riskWithSignal(settled, evidence, terms.policy),
    silenceOpinion(evidence, terms, now, asked.risk),
  ).access;
  const access = isStricter(sure, previous.access) ? sure : previous.access;
  return access === asked.access ? inForce : { access, held: 'steady', heldUntil: settlesAt };
}

/** When the next grace of a check ends, also that of an unknown. */
function nextEnd(verdicts: readonly Verdict[], now: number): number {
  const ends = verdicts.flatMap(({ until }) => (until === null ? [] : [Date.parse(until)]));
  return Math.min(...ends.filter((end) => end > now), Infinity);
}

function remembered(before: Memory, after: Memory): Memory {
  const isSame =
    before.courses === after.courses &&
    before.unknown === after.unknown &&
    before.remindedAt === after.remindedAt;
  return isSame ? before : after;
}

function isSevere({ level, reason }: Verdict): boolean {
  return level === 'fail' && SEVERE.includes(reason);
}

function riskOpinion(verdicts: readonly Verdict[], policy: Policy): Opinion {
  const risk = assess(verdicts, policy);
  const first = firstToFix(verdicts, policy);
  return {
    access: policy.access[risk.level],
    risk,
    reason: first?.reason ?? 'ok',
    sentence: first?.sentence ?? sentenceFor('ok', '', 'everything that the policy asks for is in order'),
  };
}

function clonedOpinion(policy: Policy): Opinion {
  return {
    access: policy.access.high,
    risk: { score: 100, level: 'high' },
    reason: 'agent-cloned',
    sentence: sentenceFor('agent-cloned', 'one computer under this identity', 'two'),
  };
}

/** What a security product says counts as much as the worst that the device itself could say. */
function riskWithSignal(verdicts: readonly Verdict[], { signal }: Evidence, policy: Policy): Opinion {
  const own = riskOpinion(verdicts, policy);
  if (!signal || own.risk.level === 'high') return own;
  return {
    access: policy.access.high,
    risk: { score: 100, level: 'high' },
    reason: 'signal-high',
    sentence: sentenceFor('signal-high', `no open alert of ${signal.source}`, signal.title),
  };
}

function isSignalled({ signal }: Evidence): boolean {
  return signal !== null && signal !== undefined;
}

/**
 * A device that was never heard is restricted for as long as that lasts; deny is for one that has fallen silent. A
 * laptop that is known to have no session may sleep: its facts age, nothing else.
 */
function silenceOpinion(evidence: Evidence, terms: Terms, now: number, risk: Risk): Opinion {
  const { seenAt, factsAt } = evidence;
  if (seenAt === null || factsAt === null) return silent('restrict', risk, terms.policy, 'nothing yet');
  const { staleAt, denyAt, factsStaleAt } = silenceTimes(seenAt, factsAt, evidence.session, terms, now);
  const given = `none since ${new Date(now >= staleAt ? seenAt : factsAt).toISOString()}`;
  if (now >= denyAt) return silent('deny', risk, terms.policy, given);
  if (now >= Math.min(staleAt, factsStaleAt)) return silent('restrict', risk, terms.policy, given);
  return { access: 'allow', risk, reason: 'ok', sentence: '' };
}

function silent(access: Access, risk: Risk, policy: Policy, given: string): Opinion {
  const expected = `a report every ${policy.heartbeat.everySeconds} seconds`;
  return { access, risk, reason: 'agent-silent', sentence: sentenceFor('agent-silent', expected, given) };
}

/** Whether a device's word is too old to let it in on. */
export function isOutdated({ seenAt }: Pick<Evidence, 'seenAt'>, { policy }: Terms, now: number): boolean {
  return (
    seenAt === null || now - seenAt >= policy.heartbeat.staleAfter * policy.heartbeat.everySeconds * 1_000
  );
}

function silenceTimes(
  seenAt: number,
  factsAt: number,
  session: VpnSession | undefined,
  { policy, listeningSince }: Terms,
  now: number,
) {
  const { everySeconds, staleAfter, denyAfterSeconds, fullEverySeconds } = policy.heartbeat;
  const since = countsFrom(session ?? 'unknown', now);
  const silentSince = Math.max(seenAt, listeningSince, since);
  const staleAt = silentSince + staleAfter * everySeconds * 1_000;
  return {
    staleAt,
    denyAt: Math.max(staleAt, silentSince + denyAfterSeconds * 1_000),
    factsStaleAt: Math.max(factsAt, listeningSince, since) + OVERDUE_FULLS * fullEverySeconds * 1_000,
  };
}

/** Silence before a session began means nothing, and none does while there is none. */
function countsFrom(session: VpnSession, now: number): number {
  if (session === 'unknown') return -Infinity;
  return session === 'none' || session.until <= now ? Infinity : session.since;
}

function nextSilence({ seenAt, factsAt, session }: Evidence, terms: Terms, now: number): number {
  if (seenAt === null || factsAt === null) return Infinity;
  const times = Object.values(silenceTimes(seenAt, factsAt, session, terms, now));
  return Math.min(...times.filter((time) => time > now), Infinity);
}

/** The stricter of two; where they agree, the first one's reason stands. */
function stricter(a: Opinion, b: Opinion): Opinion {
  return isStricter(b.access, a.access) ? b : a;
}

export function isStricter(a: Access, b: Access): boolean {
  return ACCESS.indexOf(a) > ACCESS.indexOf(b);
}
