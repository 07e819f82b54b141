import type { Host, Output } from '../../../collectors/check.ts';
import type { Clock } from '../../base/clock.ts';
import type { Command } from '../../base/commands.ts';
import type { Failpoints } from '../../base/failpoint.ts';
import type { Logger } from '../../base/log.ts';

/** What every step of the Linux drivers works with. */
export type Tools = {
  host: Host;
  clock: Clock;
  log: Logger;
  failpoints: Failpoints;
  /** Sends a signal to a process, as `process.kill` does. */
  signal: (pid: number, signal: NodeJS.Signals) => void;
};

type StepOptions = { stdin?: string; timeoutMs?: number; started?: Waiting };

/** A program that was started ahead of time, and does nothing before it gets its input. */
export type Waiting = {
  goOn(stdin: string): Promise<Output>;
  /** It is not needed: it gets no input and ends. Nothing where it has got one. */
  letGo(): void;
};

type Program = readonly [Command, readonly string[]];

/** Nothing that changes the system may take longer than this unless it says so. */
const STEP_TIMEOUT_MS = 5_000;

/** Does one thing to the system between two places at which a crash can be tried. */
export async function edge<T>(tools: Tools, point: string, action: () => Promise<T>): Promise<T> {
  await tools.failpoints.reach(`before ${point}`);
  const result = await action();
  await tools.failpoints.reach(`after ${point}`);
  return result;
}

/** Runs one program that changes the system. Its arguments are never logged: `point` says what it was for. */
export async function act(
  tools: Tools,
  point: string,
  command: Command,
  argv: readonly string[],
  { stdin, timeoutMs = STEP_TIMEOUT_MS, started: waiting }: StepOptions = {},
): Promise<Output> {
  const started = tools.clock.monotonic();
  const output = await edge(tools, point, () =>
    waiting === undefined
      ? tools.host.run(command, argv, { timeoutMs, ...(stdin === undefined ? {} : { stdin }) })
      : waiting.goOn(stdin ?? ''),
  );
  const tookMs = Math.round(tools.clock.monotonic() - started);
  tools.log.debug({ step: point, code: output.code, failure: output.failure, tookMs }, 'vpn step');
  return output;
}

/**
 * Starts a program that will be needed, while there is something else to wait for: most of the time of a small one goes
 * before it reads its input. One that did not wait until its turn, or was late then, is started anew.
 */
export function startWaiting({ host }: Tools, [command, argv]: Program): Waiting {
  const { promise: stdinLater, resolve } = Promise.withResolvers<string>();
  const output = host.run(command, argv, { stdinLater, timeoutMs: STEP_TIMEOUT_MS });
  let hasEnded = false;
  void output.then(() => (hasEnded = true));
  return {
    async goOn(stdin) {
      resolve(stdin);
      const answer = hasEnded ? null : await output;
      return answer === null || answer.failure !== null ? host.run(command, argv, { stdin }) : answer;
    },
    letGo: () => resolve(''),
  };
}

/**
 * Resolves when what was told to go on has its input, and the end of it: they leave with the next turns of the event loop.
 * Whoever reads a lot of /proc before that keeps the program waiting.
 */
export async function handedOver(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}

/** Work that programs wait for; those that it does not need are let go after it. */
export async function lettingGo<T>(
  waiting: readonly Waiting[],
  work: (waiting: readonly Waiting[]) => Promise<T>,
): Promise<T> {
  try {
    return await work(waiting);
  } finally {
    for (const { letGo } of waiting) letGo();
  }
}

const POLL_MS = 20;

/** Asks until it is so or the time is over; answers whether it is so. Asks at least once. */
export async function becomes(clock: Clock, withinMs: number, ask: () => Promise<boolean>): Promise<boolean> {
  const end = clock.monotonic() + withinMs;
  for (;;) {
    if (await ask()) return true;
    if (clock.monotonic() >= end) return false;
    await clock.sleep(POLL_MS);
  }
}

/** The line that says what went wrong: the last one, since programs tell of their progress first. */
export function complaint({ stdout, stderr, failure }: Output): string {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? failure ?? 'no answer').trim().slice(0, 200);
}
