import type { Clock } from '../base/clock.ts';
import type { Usage } from './self-usage.ts';

/** What one collection cost. */
export type CycleCost = {
  /** Monotonic milliseconds. */
  endedAt: number;
  /** Milliseconds of one processor, own and children's. */
  cpuMs: number;
  /** In use when it ended. */
  rssBytes: number;
};

export type BudgetLimits = {
  /** Per cent of one processor. */
  cpuPercent: number;
  rssMiB: number;
};

/** How often is read, and why not more often. */
export type Pace = {
  /** The configured interval times this: 1, 2, 4 or 8. */
  stretch: number;
  /** What costs more than it may at the configured interval; null while nothing does. */
  over: 'cpu' | 'memory' | null;
  /** Per cent of one processor that reading takes at this pace. */
  cpuPercent: number;
  rssMiB: number;
};

/** Cycles that ended longer ago than this no longer count; the last one always does. */
export const WINDOW_MS = 10 * 60_000;

const MAX_STRETCH = 8;
const MIB = 1024 * 1024;

/**
 * The pace after a cycle, given those before it. It is derived from what a cycle costs, not from what was spent: a stretched
 * interval makes the same cycle no cheaper, so the pace does not swing back and forth. One step at a time.
 */
export function paceAfter(
  last: CycleCost,
  earlier: readonly CycleCost[],
  { everyMs, limits, stretch: before }: { everyMs: number; limits: BudgetLimits; stretch: number },
): Pace {
  const counted = [...earlier.filter((cost) => isRecent(cost, last)), last];
  const cycleMs = counted.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / counted.length;
  const percentAt = (stretch: number) => (100 * cycleMs) / (everyMs * stretch);
  const tooLarge = last.rssBytes > limits.rssMiB * MIB;

  const byCpu = [1, 2, 4].find((stretch) => percentAt(stretch) <= limits.cpuPercent) ?? MAX_STRETCH;
  const byMemory = tooLarge ? MAX_STRETCH : 1;
  const stretch = stepTowards(Math.max(byCpu, byMemory), before);
  return {
    stretch,
    over: byCpu > 1 ? 'cpu' : tooLarge ? 'memory' : null,
    cpuPercent: Math.round(percentAt(stretch) * 100) / 100,
    rssMiB: Math.round(last.rssBytes / MIB),
  };
}

function isRecent(cost: CycleCost, last: CycleCost): boolean {
  return last.endedAt - cost.endedAt <= WINDOW_MS;
}

function stepTowards(target: number, now: number): number {
  if (target === now) return now;
  return target > now ? now * 2 : now / 2;
}

export type SelfBudget = {
  /** Milliseconds between two cycles at the present pace. */
  everyMs(): number;
  /** Does one cycle's work, measures it, and settles the pace by it. */
  measure<T>(cycle: () => Promise<T>): Promise<T>;
};

export type SelfBudgetDeps = {
  /** The configured interval. */
  everyMs: number;
  limits: BudgetLimits;
  clock: Pick<Clock, 'monotonic'>;
  usage: () => Usage;
  /** Told after every cycle. `before` is the stretch until then. */
  onPace(pace: Pace, before: number): void;
};

/** The agent's own appetite: when reading costs more than it may, reading becomes rarer, never less complete. */
export function createSelfBudget({ everyMs, limits, clock, usage, onPace }: SelfBudgetDeps): SelfBudget {
  let earlier: CycleCost[] = [];
  let stretch = 1;

  function settle(cost: CycleCost) {
    const before = stretch;
    const pace = paceAfter(cost, earlier, { everyMs, limits, stretch });
    earlier = [...earlier.filter((one) => isRecent(one, cost)), cost];
    stretch = pace.stretch;
    onPace(pace, before);
  }

  return {
    everyMs: () => everyMs * stretch,
    async measure(cycle) {
      const begun = usage();
      const result = await cycle();
      const { cpuMs, rssBytes } = usage();
      settle({ endedAt: clock.monotonic(), cpuMs: cpuMs - begun.cpuMs, rssBytes });
      return result;
    },
  };
}
