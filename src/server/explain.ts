import { z } from 'zod';
import { iso } from '../base/clock.ts';
import { modeFor } from '../policy/groups.ts';
import { assess } from '../policy/judge.ts';
import { rowOf, type Policy } from '../policy/policy.ts';
import { ACCESS, HELD, MODES, RISK_LEVELS, type Decision, type Verdict } from '../wire/decision.ts';
import type { Decided, Terms } from './decide.ts';
import type { DeviceState } from './device-state.ts';

const time = z.iso.datetime();

/** How a decision came about, from what is stored: part of `GET /v1/devices/<id>`. */
export const explanation = z.object({
  checks: z.array(
    z.object({
      check: z.string(),
      level: z.string(),
      /** What it adds to the score, out of what a fail would add. */
      points: z.number(),
      weight: z.number(),
      floor: z.enum(RISK_LEVELS),
      since: time.nullable(),
      until: time.nullable(),
      sentence: z.string(),
    }),
  ),
  thresholds: z.object({ medium: z.number(), high: z.number() }),
  mode: z.enum(MODES),
  group: z.string().nullable(),
  tags: z.array(z.string()),
  directoryGroups: z.array(z.string()),
  would: z.enum(ACCESS),
  held: z.enum(HELD).nullable(),
  deadline: time.nullable(),
  remindedAt: time.nullable(),
  snoozedUntil: time.nullable(),
  breakGlass: z.object({ since: time, until: time, reason: z.string(), by: z.string() }).nullable(),
  /** The same in sentences, one step after the other. */
  story: z.array(z.string()),
  /** What would make it allow; empty where it is. */
  toAllow: z.array(z.string()),
});

export type Explanation = z.infer<typeof explanation>;

export type ToExplain = { state: DeviceState; decided: Decided; terms: Terms };

export function explain(given: ToExplain): Explanation {
  const { state, decided, terms } = given;
  const { policy } = terms;
  const { id, tags, directoryGroups, memory, breakGlass } = state;
  const inForce = state.decision?.decision ?? decided.decision;
  const open = decided.verdicts.filter(({ level }) => level !== 'pass');
  return {
    checks: open.map((verdict) => checkOf(verdict, policy)),
    thresholds: policy.risk,
    ...modeFor(policy, { id, tags, directoryGroups }),
    tags: [...tags],
    directoryGroups: [...directoryGroups],
    would: inForce.would ?? inForce.access,
    held: inForce.held,
    deadline: decided.decision.deadline,
    remindedAt: isoOrNull(memory.remindedAt),
    snoozedUntil: isoOrNull(memory.snoozedUntil),
    breakGlass: breakGlass && {
      ...breakGlass,
      since: iso(breakGlass.since),
      until: iso(breakGlass.until),
    },
    story: storyOf(given, open, inForce),
    toAllow: toAllow(given, inForce),
  };
}

function checkOf(verdict: Verdict, policy: Policy): Explanation['checks'][number] {
  const { check, level, points, since, until, sentence } = verdict;
  const { weight, floor } = rowOf(policy, check);
  return { check, level, points, weight, floor, since, until, sentence };
}

function storyOf(
  { state, decided, terms }: ToExplain,
  open: readonly Verdict[],
  inForce: Decision,
): string[] {
  const { policy, label } = terms;
  const { risk, medium, high } = { risk: assess(decided.verdicts, policy), ...policy.risk };
  const floors = open.filter((one) => one.level === 'fail' && rowOf(policy, one.check).floor !== 'low');
  return [
    ...open.map(
      (one) => `${one.check} adds ${one.points} of ${rowOf(policy, one.check).weight}: ${one.sentence}`,
    ),
    `Together ${risk.score} points; medium from ${medium}, high from ${high}.`,
    ...floors.map(
      (one) => `${one.check} failed, which alone is at least ${rowOf(policy, one.check).floor} risk.`,
    ),
    `The checks make it ${risk.level} risk, for which “${label}” says ${policy.access[risk.level]}.`,
    ...besides(decided.decision),
    modeSentence(state, policy),
    ...heldSentences(state, inForce),
    `In force: ${inForce.access} since ${inForce.since}.`,
  ];
}

/** What no check of the device says. */
function besides({ reason, sentence, risk, access, would }: Decision): string[] {
  if (!['agent-silent', 'agent-cloned', 'signal-high'].includes(reason)) return [];
  return [`Stronger than the checks: ${sentence} That makes it ${risk.level} risk and ${would ?? access}.`];
}

function modeSentence({ id, tags, directoryGroups }: DeviceState, policy: Policy): string {
  const { mode, group } = modeFor(policy, { id, tags, directoryGroups });
  const words = { observe: 'is only observed', warn: 'is only warned', enforce: 'is held to that' }[mode];
  return `The device ${words}, ${group === null ? 'as everybody whom no group names' : `as one of the group “${group}”`}.`;
}

function heldSentences({ breakGlass }: DeviceState, { held, would, access }: Decision): string[] {
  const instead = `${access} instead of ${would ?? access}`;
  switch (held) {
    case 'steady':
      return [`Worse only since a moment ago: ${instead}, until that has held for a while.`];
    case 'breaker':
      return [
        `Too many would lose access at once: ${instead}, until a person says: drawbridge-server breaker confirm`,
      ];
    case 'mode':
      return [`So it is ${instead}.`];
    case 'break-glass':
      return breakGlass === null
        ? []
        : [
            `${breakGlass.by} lets it in until ${iso(breakGlass.until)} (“${breakGlass.reason}”): ${instead}.`,
          ];
    case null:
      return [];
  }
}

/** What would have to be mended, the weightiest first, for the checks to say allow; and what is no check's matter. */
function toAllow({ decided, terms: { policy }, state }: ToExplain, inForce: Decision): string[] {
  if (inForce.access === 'allow') return [];
  const left = [...decided.verdicts].toSorted((a, b) => gravity(b, policy) - gravity(a, policy));
  const needed: string[] = [];
  while (left.length > 0 && policy.access[assess(left, policy).level] !== 'allow') {
    const worst = left.shift();
    if (worst !== undefined) needed.push(`Mend ${worst.check}: ${worst.sentence}`);
  }
  const { reason } = decided.decision;
  return [
    ...needed,
    ...(reason === 'agent-silent'
      ? ['A report of the device: its agent has to run and reach this server.']
      : []),
    ...(reason === 'agent-cloned'
      ? [`Look into the copied identity, then: drawbridge-server device clear-alarm ${state.id}`]
      : []),
    ...(reason === 'signal-high'
      ? [`Look into the alert, then: drawbridge-server device close-signals ${state.id}`]
      : []),
  ];
}

function gravity({ level, check, points }: Verdict, policy: Policy): number {
  const floor = level === 'fail' ? RISK_LEVELS.indexOf(rowOf(policy, check).floor) : 0;
  return floor * 1_000 + points;
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : iso(at);
}
