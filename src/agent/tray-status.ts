import type { Platform } from '../../collectors/check.ts';
import { checkIds, specs, type CheckId, type Readings } from '../../collectors/specs.ts';
import { iso } from '../base/clock.ts';
import { isUnknown } from '../policy/course.ts';
import { assess, toFix } from '../policy/judge.ts';
import type { CompiledPolicy } from '../policy/compiled.ts';
import type { Access, Decision, Verdict } from '../wire/decision.ts';
import { colourOf } from '../wire/tray-colour.ts';
import type { Coloured, Reconnect, TrayDevice, TrayProblem, TrayStatus, TrayVpn } from '../wire/tray.ts';
import { judgeAll, type OwnPolicy } from './judgement.ts';
import type { Status, VpnStatus } from './status.ts';

/** What is known of this device when its user asks. */
export type TrayFacts = {
  status: Status;
  /** Null before the first collection. */
  readings: Readings | null;
  policy: OwnPolicy & Partial<Pick<CompiledPolicy, 'access' | 'mode'>>;
  platform: Platform;
  /** What can be done by one click, by check. */
  offers: ReadonlyMap<string, TrayProblem['fixes']>;
  snoozedUntil: number | null;
  /** Whether this system's own client can be asked to come up. */
  canReconnect: boolean;
  days: TrayStatus['days'];
};

/** All that a user is told. Pure: `now` is in milliseconds. */
export function trayStatusOf(facts: TrayFacts, now: number): TrayStatus {
  const { status, readings, policy, platform, days } = facts;
  const judged = readings === null ? null : judgeAll(readings, policy, now);
  const problems = judged === null ? [] : problemsOf(facts, judged.verdicts, now);
  return {
    at: iso(now),
    ...colourFor(facts, problems, now),
    decision: status.decision === null ? null : shownDecision(status.decision),
    risk: judged === null ? null : assess(judged.verdicts, policy),
    problems,
    quiet: (status.decision?.mode ?? policy.mode) === 'observe',
    vpn: status.vpn === null ? null : shownVpn(status.vpn, status.decision, facts),
    agent: shownAgent(status),
    device: shownDevice(readings, platform),
    days,
    collected: collectedHere(readings),
  };
}

function colourFor({ status, readings }: TrayFacts, problems: readonly TrayProblem[], now: number): Coloured {
  const { connection, enrolment, decision, vpn } = status;
  return colourOf({
    reported: readings !== null,
    enrolment,
    decision,
    offlineSince: connection.state === 'connected' ? null : Date.parse(connection.since),
    isolated: vpn?.isolated ?? false,
    held: (vpn?.holders.length ?? 0) > 0,
    problems: problems.map(({ level, deadline }) => ({
      level,
      deadline: deadline === null ? null : Date.parse(deadline),
    })),
    now,
  });
}

/** At most so many; a policy may have many expressions. */
const MOST_PROBLEMS = 64;

function problemsOf(facts: TrayFacts, verdicts: readonly Verdict[], now: number): TrayProblem[] {
  const own = toFix(verdicts, facts.policy).map((verdict) => problemOf(facts, verdict, now));
  const told = problemOfServer(facts.status, verdicts);
  return (told === null ? own : [told, ...own]).slice(0, MOST_PROBLEMS);
}

function problemOf(facts: TrayFacts, verdict: Verdict, now: number): TrayProblem {
  const { check, reason, expected, given, sentence, since, until } = verdict;
  // Where nobody follows since when, the end of the grace moves with every look: none that could be named.
  const deadline = since !== null && until !== null && now < Date.parse(until) ? until : null;
  return {
    check,
    reason,
    level: verdict.level === 'pass' ? 'unknown' : verdict.level,
    expected: cut(expected),
    given: cut(given),
    sentence: cut(sentence),
    since,
    deadline,
    then: deadline === null ? null : accessAt(facts, Date.parse(deadline)),
    fixes: isUnknown(verdict) ? [] : (facts.offers.get(check) ?? []),
    snoozedUntil: deadline === null || facts.snoozedUntil === null ? null : snoozed(facts.snoozedUntil, now),
    mayRecheck: true,
  };
}

function snoozed(until: number, now: number): string | null {
  return now < until ? iso(until) : null;
}

/** What this device may do at that moment if nothing changes until then; null where the policy does not say it. */
function accessAt({ readings, policy, status }: TrayFacts, at: number): Access | null {
  const { access = null, mode } = policy;
  if (readings === null || access === null) return null;
  if ((status.decision?.mode ?? mode) !== 'enforce') return 'allow';
  return access[judgeAll(readings, policy, at).risk.level];
}

/** What only the server can see: it stands above all that the device finds by itself. */
function problemOfServer({ decision }: Status, verdicts: readonly Verdict[]): TrayProblem | null {
  if (decision === null || decision.reason === 'ok') return null;
  const { reason, sentence, access, since } = decision;
  const check = checkIds.find((id) => isReasonOf(id, reason));
  if (check === undefined) return null;
  const isOwn = verdicts.some((verdict) => verdict.check === check) && !SEEN_BY_SERVER.includes(reason);
  if (isOwn) return null;
  return {
    check,
    reason,
    level: access === 'allow' ? 'warn' : 'fail',
    expected: '',
    given: '',
    sentence: cut(sentence),
    since,
    deadline: null,
    then: null,
    fixes: [],
    snoozedUntil: null,
    mayRecheck: false,
  };
}

const SEEN_BY_SERVER: readonly string[] = ['agent-cloned', 'agent-silent', 'signal-high'];

function isReasonOf(id: CheckId, reason: string): boolean {
  return reason === `${id}-unknown` || specs[id].reasons.some((one) => one === reason);
}

function shownDecision({ access, reason, sentence, since, until, mode }: Decision): TrayStatus['decision'] {
  return { access, reason, sentence: cut(sentence), since, until, mode };
}

function shownVpn(vpn: VpnStatus, decision: Decision | null, facts: TrayFacts): TrayVpn {
  return {
    driver: cut(vpn.driver),
    live: vpn.live,
    isolated: vpn.isolated,
    held: vpn.holders.map(({ cause, reason, since, until }) => ({
      cause,
      reason: cut(reason),
      since,
      until,
    })),
    reconnect: reconnectOf(vpn, decision, facts),
  };
}

function reconnectOf(vpn: VpnStatus, decision: Decision | null, facts: TrayFacts): Reconnect {
  if (vpn.holders.length > 0 || vpn.isolated) return 'held';
  if (decision?.access === 'deny') return 'denied';
  if (vpn.live) return 'connected';
  const seen = facts.readings?.['vpn-client'];
  if (seen?.state === 'known' && seen.fact.profiles.length === 0) return 'no-profile';
  return facts.canReconnect ? 'possible' : 'unsupported';
}

function shownAgent(status: Status): TrayStatus['agent'] {
  const { version, startedAt, server, device, enrolment, connection, lastReportAt, lastAckAt } = status;
  const connected = connection.state === 'connected';
  return {
    version,
    startedAt,
    server,
    device,
    enrolment,
    connected,
    connectionSince: connection.since,
    offline: connection.state === 'connected' ? null : cut(connection.detail),
    lastReportAt,
    lastAckAt,
  };
}

function shownDevice(readings: Readings | null, platform: Platform): TrayDevice {
  const reading = readings?.['os-version'];
  if (reading?.state !== 'known')
    return { platform, family: null, version: null, build: null, display: null };
  const { family, version, build, display, name } = reading.fact;
  const shown = display ?? name;
  return {
    platform,
    family: family.slice(0, 100),
    version: version?.slice(0, 100) ?? null,
    build: build?.slice(0, 100) ?? null,
    display: shown?.slice(0, 200) ?? null,
  };
}

/** What does not apply to this computer is not read from it. */
function collectedHere(readings: Readings | null): TrayStatus['collected'] {
  return checkIds
    .filter((id) => {
      const reading = readings?.[id];
      return !(reading?.state === 'unknown' && reading.why === 'not-applicable');
    })
    .map((check) => ({ check, sentence: specs[check].collects }));
}

/** Words of devices and people may be long. */
function cut(text: string): string {
  return text.length <= 1_000 ? text : `${text.slice(0, 999)}…`;
}
