import { codeOf } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { isPppd, isUp, type PppSession } from './ppp.ts';

const LOOK_MS = 20;

/** How long the kernel may take to remove a killed pppd's interface. */
const KILLED_MS = 1_000;

/**
 * Ends a session and answers whether its interface is gone, which is the proof. pppd gets `graceMs` to say goodbye, which
 * also sends the accounting; then it is killed.
 */
export async function endSession(session: PppSession, graceMs: number, clock: Clock): Promise<boolean> {
  for (const [signal, patience] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', KILLED_MS],
  ] as const) {
    if (!(await isUp(session))) return true;
    // Looked at again right before: in the meantime the number could have become another program's.
    if (await isPppd(session.pid)) kill(session.pid, signal);
    if (await isGone(session, patience, clock)) return true;
  }
  return false;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself; whether its interface is gone is looked at anyway.
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

async function isGone(session: PppSession, patienceMs: number, clock: Clock): Promise<boolean> {
  const until = clock.monotonic() + patienceMs;
  while (await isUp(session)) {
    if (clock.monotonic() >= until) return false;
    await clock.sleep(LOOK_MS);
  }
  return true;
}
