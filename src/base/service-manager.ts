import { untilAborted } from './actors.ts';
import { systemdNotify } from './commands.ts';
import { run, type Output } from './exec.ts';
import type { Clock } from './clock.ts';

/** What a daemon tells the manager that started it. Does nothing where none listens. */
export type ServiceManager = {
  /** This daemon does its work from now on. */
  ready(): Promise<void>;
  /** Tells that the event loop turns, as often as the manager asked for, until `signal` aborts. Never rejects. */
  keepAlive(clock: Clock, signal: AbortSignal): Promise<void>;
};

type Tell = (words: readonly string[]) => Promise<Output | void>;

/**
 * systemd listens on a datagram socket, which Node cannot write to; systemd's own little program can. Its unit says
 * `NotifyAccess=all` for that, since the words then come from a child.
 */
export function serviceManager(
  env: Readonly<Record<string, string | undefined>>,
  tell: Tell = tellSystemd(env.NOTIFY_SOCKET),
): ServiceManager {
  const everyMs = watchdogMs(env);
  return {
    ready: async () => void (await tell(['--ready'])),
    async keepAlive(clock, signal) {
      if (everyMs === null) return untilAborted(signal);
      while (!signal.aborted) {
        await tell(['WATCHDOG=1']);
        await clock.sleep(everyMs, signal).catch(() => {});
      }
    },
  };
}

function tellSystemd(socket: string | undefined): Tell {
  if (socket === undefined) return async () => {};
  return (words) => run(systemdNotify, words, { environment: { NOTIFY_SOCKET: socket } });
}

/** A third of the time after which the manager gives up on us; null where it does not watch. */
function watchdogMs({
  WATCHDOG_USEC: usec = '',
}: Readonly<Record<string, string | undefined>>): number | null {
  const ms = /^\d{1,15}$/.test(usec) ? Number(usec) / 1_000 : 0;
  return ms > 0 ? ms / 3 : null;
}
