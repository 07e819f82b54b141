import { readFileSync } from 'node:fs';

/** What this process has used since it started. */
export type Usage = {
  /** Milliseconds of one processor, its own and, on Linux, those of the programs that it ran to their end. */
  cpuMs: number;
  /** Bytes of memory in use now, its own. */
  rssBytes: number;
};

export function usageNow(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1_000 + childrenMs(), rssBytes: process.memoryUsage.rss() };
}

/** Node tells nothing about its children; only Linux keeps their sum where it can be read without a system call. */
function childrenMs(): number {
  try {
    return parseChildrenMs(readFileSync('/proc/self/stat', 'utf8'));
  } catch {
    return 0;
  }
}

/** User space sees 100 ticks a second on every architecture that Node runs on (time(7), USER_HZ). */
const MS_PER_TICK = 10;

/** `cutime` and `cstime` of proc_pid_stat(5) in milliseconds. The name in the second field may hold anything. */
export function parseChildrenMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[13]) + Number(fields[14]);
  return Number.isFinite(ticks) ? ticks * MS_PER_TICK : 0;
}
