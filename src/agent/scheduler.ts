import type { Actor } from '../base/actors.ts';
import { iso, type Clock } from '../base/clock.ts';
import type { Report } from '../wire/report.ts';
import { createMailbox } from './mailbox.ts';

export type SchedulerDeps = {
  /** Milliseconds until the next collection, asked anew after each. */
  everyMs(): number;
  clock: Clock;
  collect(signal: AbortSignal): Promise<Report>;
  /** Takes each report before the next collection starts. */
  deliver(report: Report): Promise<void>;
  /** Told when the next collection is due (ISO 8601, UTC). */
  onNext(at: string): void;
};

export type Scheduler = Actor & {
  /** A collection that starts after this call; several requests at once share one. Resolves with the report's id. */
  request(): Promise<string>;
  /** Sees to it that a report arrives soon: one that is being collected will do. */
  nudge(): void;
};

/** Share of the interval by which each wait differs, so that a fleet started together does not stay together. */
const JITTER = 0.1;

/** Collects at once, then regularly, and whenever somebody asks; never twice at the same time. */
export function createScheduler(deps: SchedulerDeps): Scheduler {
  const requests = createMailbox<'now' | 'stop'>();
  let waiting: PromiseWithResolvers<string> | null = null;
  let collecting = false;

  function request(): Promise<string> {
    waiting ??= Promise.withResolvers<string>();
    requests.put('now');
    return waiting.promise;
  }

  async function collect(signal: AbortSignal): Promise<void> {
    const asked = waiting;
    waiting = null;
    collecting = true;
    const report = await deps.collect(signal);
    collecting = false;
    if (signal.aborted) return;
    await deps.deliver(report);
    asked?.resolve(report.id);
  }

  return {
    name: 'scheduler',
    async run(signal) {
      signal.addEventListener('abort', () => requests.put('stop'), { once: true });
      while (!signal.aborted) {
        await collect(signal);
        if (waiting !== null) continue;
        const pause = deps.everyMs() * (1 + JITTER * (Math.random() - 0.5));
        deps.onNext(iso(deps.clock.now() + pause));
        await requests.take(pause);
      }
    },
    request,
    nudge() {
      if (!collecting) void request();
    },
  };
}
