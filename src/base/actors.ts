/** A named part of a daemon. `run` ends when `signal` aborts; ending earlier, or throwing, ends the whole daemon. */
export type Actor = { name: string; run(signal: AbortSignal): Promise<void> };

export type StopReport = {
  reason: 'signal' | 'actor-ended' | 'actor-failed';
  by: string | null;
  error?: unknown;
  late: string[];
};

/**
 * Runs all actors until `signal` aborts or the first of them ends, then stops the others in reverse order of
 * start, each within `stopWithinMs`. Actors that are late are named in the report, not waited for.
 */
export async function runAll(
  actors: readonly Actor[],
  options: { signal: AbortSignal; stopWithinMs: number },
): Promise<StopReport> {
  const running = actors.map((actor) => start(actor));
  const first = await Promise.race([aborted(options.signal), ...running.map((one) => one.ended)]);
  const late: string[] = [];
  for (const one of running.toReversed()) {
    one.stop();
    if (!(await endsWithin(one.ended, options.stopWithinMs))) late.push(one.name);
  }
  return { ...first, late };
}

/** For the `run` of a part that has nothing left to do: ending would end the whole daemon. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  await aborted(signal);
}

type Ending = Omit<StopReport, 'late'>;

function start(actor: Actor): { name: string; stop(): void; ended: Promise<Ending> } {
  const control = new AbortController();
  const ended = actor.run(control.signal).then(
    (): Ending => ({ reason: 'actor-ended', by: actor.name }),
    (error: unknown): Ending =>
      control.signal.aborted
        ? { reason: 'actor-ended', by: actor.name }
        : { reason: 'actor-failed', by: actor.name, error },
  );
  return { name: actor.name, stop: () => control.abort(), ended };
}

function aborted(signal: AbortSignal): Promise<Ending> {
  const ending: Ending = { reason: 'signal', by: null };
  if (signal.aborted) return Promise.resolve(ending);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(ending), { once: true }));
}

async function endsWithin(ended: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([ended.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
