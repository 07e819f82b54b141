import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NO_QUESTIONS, type CommandOptions, type Host, type Output } from '../../collectors/check.ts';
import { scripts } from '../../collectors/windows-script.ts';
import type { CycleKind, UpdatesSchedule } from '../../src/agent/cycle.ts';
import { openWindows, type WindowsDoors } from '../../src/agent/host-windows.ts';
import { powershell, reg, type Command } from '../../src/base/commands.ts';
import { systemClock } from '../../src/base/clock.ts';

export const HOUR = 3_600_000;
export const laptop = readFileSync(
  join(import.meta.dirname, '../fixtures/windows-document/laptop.json'),
  'utf8',
);
export const updates = JSON.stringify({
  schema: 1,
  startedAt: '2025-03-10T08:15:00Z',
  probes: {
    hotfixes: { ok: true, ms: 5, data: [{ HotFixID: 'KB5055523', InstalledOn: '2025-04-09' }] },
    autoUpdate: { ok: true, ms: 5, data: { LastSearchSuccessDate: '2025-04-10T06:00:00Z' } },
    updates: { ok: true, ms: 90_000, data: [] },
  },
});
export const self = {
  version: '1',
  startedAt: '2025-01-01T00:00:00.000Z',
  keyProtection: null,
  integrity: null,
  spoolDropped: 0,
  crashes: 0,
  managed: [],
};

type Answer = (command: Command, options: CommandOptions) => Output | Promise<Output>;

export const printed = (stdout: string, failure: Output['failure'] = null): Output => ({
  stdout,
  stderr: '',
  code: failure === null ? 0 : null,
  failure,
});

/** A Windows machine of which only PowerShell and reg.exe answer; its hands can be turned. */
export function machine(change: Partial<UpdatesSchedule> = {}, folder = '/nowhere/at/all') {
  const at = { now: Date.parse('2025-03-10T09:00:00Z') };
  const runs: string[] = [];
  const answers: { full: Answer; updates: Answer; reg: Answer } = {
    full: () => printed(laptop),
    updates: () => printed(updates),
    reg: () => printed('', 'not-found'),
  };
  const run: Host['run'] = async (command, _argv, options = {}) => {
    const kind = command.path !== powershell.path ? 'reg' : isUpdates(options) ? 'updates' : 'full';
    if (command.path !== powershell.path && command.path !== reg.path) return printed('', 'not-found');
    runs.push(kind);
    return answers[kind](command, options);
  };
  const doors: WindowsDoors = { run: () => run };
  const open = openWindows(
    {
      self: () => self,
      questions: () => NO_QUESTIONS,
      cacheFolder: folder,
      clock: { ...systemClock, now: () => at.now, monotonic: () => at.now },
      updates: { everyMs: 6 * HOUR, atStartMs: HOUR / 4, patience: 'go-on', ...change },
    },
    doors,
  );
  const signal = new AbortController().signal;
  return {
    folder,
    answers,
    count: (kind: string) => runs.filter((one) => one === kind).length,
    pass: (ms: number) => (at.now += ms),
    cycle: (kind: CycleKind = 'full') => open(kind, signal),
    host: (kind: CycleKind = 'full') => open(kind, signal).openHost(signal),
  };
}

function isUpdates({ timeoutMs }: CommandOptions): boolean {
  return timeoutMs === scripts.updates.timeoutMs;
}
