import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { AgentConfig } from './config-schema.ts';
import type { Managed } from './managed-kept.ts';

/** What a run of the agent goes by. */
export type InForce = { config: AgentConfig; managed: Managed };

export type SettingsWatch<T extends InForce> = {
  now: T;
  /** What would be in force; throws where that cannot be said. */
  look(): Promise<T>;
  /** Returns when it is time to look again, or once `signal` aborts. */
  pause(signal: AbortSignal): Promise<void>;
  log: Logger;
};

/** Returns what is to be in force as soon as it is something else, or null once `signal` aborts. */
export async function untilElse<T extends InForce>(
  { now, look, pause, log }: SettingsWatch<T>,
  signal: AbortSignal,
): Promise<T | null> {
  let complained = '';
  for (;;) {
    await pause(signal);
    if (signal.aborted) return null;
    try {
      const next = await look();
      if (!isSame(next, now)) return next;
      complained = '';
    } catch (error) {
      const why = messageOf(error);
      // Once, not every minute until somebody mends it.
      if (why !== complained) log.warn({ why }, 'settings stay as they are');
      complained = why;
    }
  }
}

function isSame(a: InForce, b: InForce): boolean {
  return JSON.stringify([a.config, a.managed]) === JSON.stringify([b.config, b.managed]);
}

/** Whether all parts of a run ended in time: another run beside what did not is out of the question. */
export type Ended = { reason: string; late: readonly string[] };

/**
 * Runs anew whenever something else is to be in force. Returns the exit code: 0 once `stop` aborts, 1 when a part
 * failed, or did not end in time; then whoever started this process starts it again.
 */
export async function runInTurns<T extends InForce>(
  first: Omit<SettingsWatch<T>, 'log'>,
  run: (place: T, signal: AbortSignal) => Promise<Ended>,
  logOf: (place: T) => Logger,
  stop: AbortSignal,
): Promise<number> {
  for (let { now } = first; ;) {
    const log = logOf(now);
    const changed = new AbortController();
    const signal = AbortSignal.any([stop, changed.signal]);
    const watching = untilElse({ ...first, now, log }, signal).finally(() => changed.abort());
    const ended = await run(now, signal).finally(() => changed.abort());
    const next = await watching;
    if (ended.reason !== 'signal') return 1;
    if (next === null || stop.aborted) return 0;
    if (ended.late.length > 0) return 1;
    log.info('other settings; starting anew with them');
    now = next;
  }
}
