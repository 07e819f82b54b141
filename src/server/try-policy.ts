import { z } from 'zod';
import { modeFor } from '../policy/groups.ts';
import { ACCESS, HELD, MODES, type Access, type Decision } from '../wire/decision.ts';
import { isCut, isStricter } from './decide.ts';
import type { DeviceState } from './device-state.ts';
import { planFor, settle, type Judging, type Plan } from './judge-device.ts';

const side = z.object({ access: z.enum(ACCESS), held: z.enum(HELD).nullable(), sentence: z.string() });

const move = z.object({
  device: z.string(),
  name: z.string(),
  mode: z.enum(MODES),
  /** The group that says the mode; null where the policy's own `mode` holds. */
  group: z.string().nullable(),
  /** Null for a device about which nothing has been decided yet. */
  from: side.nullable(),
  to: side,
  /** What risk asks for where something holds that back, else the same as `to.access`. */
  would: z.enum(ACCESS),
  change: z.enum(['loses', 'less', 'more', 'same']),
});

/** What a policy would do: `POST /v1/policy/try`. */
export const tried = z.object({
  policy: z.string(),
  devices: z.number(),
  /** Devices that would be quarantined or denied and are not, also those that the breaker would hold. */
  losing: z.number(),
  /** That get less than now, and that get more. */
  less: z.number(),
  more: z.number(),
  heldByBreaker: z.number(),
  /** By access: now, and then. */
  before: z.partialRecord(z.enum(ACCESS), z.number()),
  after: z.partialRecord(z.enum(ACCESS), z.number()),
  /** Those for whom anything changes, the worst first. */
  moves: z.array(move),
});

export type Tried = z.infer<typeof tried>;
export type Move = z.infer<typeof move>;

/** Planned between two breaths. */
const SLICE = 500;

/**
 * Judges these devices by another policy, by the very steps by which it would be put in force, and changes nothing:
 * the breaker is a copy of its own. `now` in milliseconds.
 */
export async function tryPolicy(
  states: Iterable<DeviceState>,
  judging: Judging,
  now: number,
): Promise<Tried> {
  const terms = { ...judging, breaker: judging.breaker.copy() };
  const plans: Plan[] = [];
  for (const state of states) {
    plans.push(planFor(state, terms, now));
    if (plans.length % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const round = plans.map(({ before, ...rest }) => ({ id: before.id, ...rest }));
  terms.breaker.expect(round, terms.fleet, terms.policy.breaker, now);
  const moves = plans.map((plan) => moveOf(plan, settle(plan, terms, now).decision, terms));
  return summed(moves, terms.label);
}

function summed(all: readonly Move[], policy: string): Tried {
  const count = (isOne: (move: Move) => boolean) => all.filter(isOne).length;
  return {
    policy,
    devices: all.length,
    losing: count(({ change }) => change === 'loses'),
    less: count(({ change }) => change === 'loses' || change === 'less'),
    more: count(({ change }) => change === 'more'),
    heldByBreaker: count(({ to }) => to.held === 'breaker'),
    before: counted(all.map(({ from }) => from?.access)),
    after: counted(all.map(({ to }) => to.access)),
    moves: all.filter(isChange).toSorted(byWeight),
  };
}

function counted(all: readonly (Access | undefined)[]): Tried['before'] {
  const counts: Tried['before'] = {};
  for (const access of all) if (access !== undefined) counts[access] = (counts[access] ?? 0) + 1;
  return counts;
}

function moveOf({ before, previous }: Plan, decision: Decision, { policy }: Judging): Move {
  const { id, name, tags, directoryGroups } = before;
  const would = decision.held === 'breaker' ? (decision.would ?? decision.access) : decision.access;
  return {
    device: id,
    name,
    ...modeFor(policy, { id, tags, directoryGroups }),
    from: previous === null ? null : sideOf(previous),
    to: sideOf(decision),
    would: decision.would ?? decision.access,
    change: changeOf(previous?.access, would),
  };
}

function sideOf({ access, held, sentence }: Decision): z.infer<typeof side> {
  return { access, held, sentence };
}

/** What a device had before anything was decided about it is nothing that it can lose. */
function changeOf(before: Access | undefined, after: Access): Move['change'] {
  if (before === undefined || before === after) return 'same';
  if (isCut(after) && !isCut(before)) return 'loses';
  return isStricter(after, before) ? 'less' : 'more';
}

function isChange({ from, to, change }: Move): boolean {
  return change !== 'same' || from?.access !== to.access || from.held !== to.held;
}

const ORDER: readonly Move['change'][] = ['loses', 'less', 'more', 'same'];

function byWeight(a: Move, b: Move): number {
  return ORDER.indexOf(a.change) - ORDER.indexOf(b.change) || a.name.localeCompare(b.name);
}
