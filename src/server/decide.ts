import type { ReasonCode, Readings } from '../../collectors/specs.ts';
import { assess, firstToFix, judge, type UnknownSince } from '../policy/judge.ts';
import type { Policy } from '../policy/policy.ts';
import { sentenceFor } from '../policy/words.ts';
import { ACCESS, type Access, type Decision, type Risk, type Verdict } from '../wire/decision.ts';

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
};

/** Milliseconds; `until` is Infinity for a session that is known to be up. */
export type VpnSession = { since: number; until: number } | 'none' | 'unknown';

/** A policy with the name under which it stands in decisions. */
export type NamedPolicy = { policy: Policy; label: string };

/** What a device is judged by. Silence before `listeningSince` (milliseconds) was the server's own. */
export type Terms = NamedPolicy & { listeningSince: number };

export type Decided = {
  decision: Decision;
  verdicts: Verdict[];
  /** The next moment at which silence alone changes the decision; Infinity when it cannot. */
  silenceAt: number;
};

/** What one consideration allows, and why. */
type Opinion = { access: Access; risk: Risk; reason: ReasonCode | 'ok'; sentence: string };

/** Stands for "until something is heard". */
const OPEN_END = '9999-12-31T23:59:59.999Z';

const MAX_SENTENCE = 500;

/** Full reports overdue until the facts count as stale, however many heartbeats say that the agent is alive. */
const OVERDUE_FULLS = 2;

/** Pure. `previous` is the decision in force: it gives the new one its `since` where access stays the same. */
export function decide(evidence: Evidence, terms: Terms, now: number, previous: Decision | null): Decided {
  const { policy, label } = terms;
  const verdicts = judge(evidence.readings, policy, now, evidence.unknownSince);
  const byRisk = evidence.cloned ? clonedOpinion(policy) : riskOpinion(verdicts, policy);
  const opinion = stricter(byRisk, silenceOpinion(evidence, terms, now, byRisk.risk));
  const silenceAt = nextSilence(evidence, terms, now);
  const since = previous?.access === opinion.access ? previous.since : new Date(now).toISOString();
  const until = Number.isFinite(silenceAt) ? new Date(silenceAt).toISOString() : OPEN_END;
  // Much of a sentence can be the device's own words; it goes into rows, frames and RADIUS.
  const sentence = opinion.sentence.slice(0, MAX_SENTENCE);
  return { decision: { ...opinion, sentence, since, until, policy: label }, verdicts, silenceAt };
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
    a.risk.level === b.risk.level
  );
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
  return ACCESS.indexOf(b.access) > ACCESS.indexOf(a.access) ? b : a;
}
