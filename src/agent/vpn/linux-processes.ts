import type { Host } from '../../../collectors/check.ts';
import { becomes, edge, type Tools } from './linux-tools.ts';

/** A process that cannot be mistaken for a later one with the same number. */
export type Process = {
  pid: number;
  parent: number;
  /** As in /proc/PID/comm: at most 15 characters. */
  name: string;
  /** Clock ticks between the start of the system and that of the process. */
  startedAt: string;
};

/** All processes that /proc shows; those that have ended and only wait for their parent are none. */
export async function listProcesses(host: Host): Promise<Process[]> {
  const folder = await host.list('/proc');
  const pids = folder.ok ? folder.value.filter((name) => /^\d{1,10}$/.test(name)) : [];
  const found = await Promise.all(pids.map((pid) => readProcess(host, Number(pid))));
  return found.filter((process) => process !== null);
}

export async function readProcess(host: Host, pid: number): Promise<Process | null> {
  const stat = await host.readText(`/proc/${pid}/stat`);
  return stat.ok ? parseStat(stat.value) : null;
}

/** `PID (NAME) STATE PARENT …`, where NAME may hold anything; the start time is field 22. */
export function parseStat(text: string): Process | null {
  const [, pid = '', name = '', state = '', rest = ''] =
    /^(\d{1,10}) \((.*)\) (\S) (.*)$/s.exec(text.trim()) ?? [];
  const fields = rest.split(' ');
  const [parent = '', startedAt = ''] = [fields[0], fields[18]];
  if (!/^\d+$/.test(parent) || !/^\d+$/.test(startedAt) || /[ZXx]/.test(state)) return null;
  return { pid: Number(pid), parent: Number(parent), name, startedAt };
}

/** Milliseconds until a killed process has to be gone. */
const KILLED_WITHIN_MS = 2_000;

/**
 * Asks a process to end, and ends it when neither it has gone nor what it was there for is over within `graceMs`.
 * Answers whether it is gone.
 */
export async function endProcess(
  tools: Tools,
  process: Process,
  graceMs: number,
  isOver: () => Promise<boolean> = async () => false,
): Promise<boolean> {
  const isGone = () => hasEnded(tools.host, process);
  await send(tools, process, 'SIGTERM');
  const done = async () => (await isGone()) || (await isOver());
  if (await becomes(tools.clock, graceMs, done)) return isGone();
  await send(tools, process, 'SIGKILL');
  return becomes(tools.clock, KILLED_WITHIN_MS, isGone);
}

export async function hasEnded(host: Host, { pid, name, startedAt }: Process): Promise<boolean> {
  const now = await readProcess(host, pid);
  return now === null || now.name !== name || now.startedAt !== startedAt;
}

async function send(tools: Tools, process: Process, signal: NodeJS.Signals): Promise<void> {
  await edge(tools, `${process.name} ${signal}`, async () => {
    // The number may belong to somebody else by now.
    if (await hasEnded(tools.host, process)) return;
    try {
      tools.signal(process.pid, signal);
    } catch {
      // It has ended in between, which is what was wanted.
    }
  });
}
