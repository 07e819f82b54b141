import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CommandOptions, Host, Output } from '../../collectors/check.ts';
import { windows } from '../../collectors/windows.ts';
import { scripts } from '../../collectors/windows-script.ts';
import { openWindows, overlay, type WindowsDoors } from '../../src/agent/host-windows.ts';
import type { CycleKind, UpdatesSchedule } from '../../src/agent/open-host.ts';
import { collectReadings } from '../../src/agent/report.ts';
import { powershell, reg, type Command } from '../../src/base/commands.ts';
import { systemClock } from '../../src/base/clock.ts';
import { temporaryFolder } from './harness.ts';

const HOUR = 3_600_000;
const laptop = readFileSync(join(import.meta.dirname, '../fixtures/windows-document/laptop.json'), 'utf8');
const updates = JSON.stringify({
  schema: 1,
  startedAt: '2025-03-10T08:15:00Z',
  probes: {
    hotfixes: { ok: true, ms: 5, data: [{ HotFixID: 'KB5055523', InstalledOn: '2025-04-09' }] },
    autoUpdate: { ok: true, ms: 5, data: { LastSearchSuccessDate: '2025-04-10T06:00:00Z' } },
    updates: { ok: true, ms: 90_000, data: [] },
  },
});
const failedSearch = updates.replace('"ok":true,"ms":90000', '"ok":false,"hresult":-2145107924,"ms":9');
const self = {
  version: '1',
  startedAt: '2025-01-01T00:00:00.000Z',
  keyProtection: null,
  integrity: null,
  spoolDropped: 0,
  crashes: 0,
  managed: [],
};

type Answer = (command: Command, options: CommandOptions) => Output | Promise<Output>;

const printed = (stdout: string, failure: Output['failure'] = null): Output => ({
  stdout,
  stderr: '',
  code: failure === null ? 0 : null,
  failure,
});

/** A Windows machine of which only PowerShell and reg.exe answer; its hands can be turned. */
async function machine(change: Partial<UpdatesSchedule> = {}, folder?: string) {
  const at = { now: Date.parse('2025-03-10T09:00:00Z') };
  const place = folder ?? (await temporaryFolder());
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
      cacheFolder: place,
      clock: { ...systemClock, now: () => at.now, monotonic: () => at.now },
      updates: { everyMs: 6 * HOUR, atStartMs: HOUR / 4, patience: 'go-on', ...change },
    },
    doors,
  );
  const signal = new AbortController().signal;
  return {
    folder: place,
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

/** Lets what was started in the background come to its end. */
const settle = () => systemClock.sleep(30);

describe('the document', () => {
  test('is one PowerShell a cycle for all checks, and none before somebody asks', async () => {
    const { cycle, count } = await machine();
    const { openHost } = cycle();
    const signal = new AbortController().signal;
    const hosts = [openHost(signal), openHost(signal)];
    expect(count('full')).toBe(0);
    const answers = await Promise.all(hosts.flatMap((host) => [host.probe('tpm'), host.probe('defender')]));
    expect(answers.every((answer) => answer?.ok === true)).toBe(true);
    expect(await hosts[0]?.probe('nonsense')).toBeNull();
    expect(count('full')).toBe(1);
    await cycle().openHost(signal).probe('tpm');
    expect(count('full')).toBe(2);
  });

  test('of our own script files, which are there', async () => {
    const { host, answers } = await machine();
    let script = '';
    answers.full = (_command, { stdin = '' }) => {
      script = stdin;
      return printed(laptop);
    };
    await host().probe('tpm');
    expect(script).toContain("probe 'services'");
    expect(script.length).toBeGreaterThan(5_000);
  });

  test('a slow one does not cost the checks their own time', async () => {
    const { cycle, answers } = await machine();
    answers.full = async () => {
      await systemClock.sleep(300);
      return printed(laptop);
    };
    const signal = new AbortController().signal;
    const readings = await collectReadings(
      { readers: windows, clock: systemClock, deadlineMs: 200, ...cycle() },
      signal,
    );
    expect(readings['os-version'].state).toBe('known');
    expect(readings['disk-encryption'].state).toBe('known');
  });

  test('that failed is an unknown of each check, with its reason', async () => {
    const { cycle, answers } = await machine();
    answers.full = () => printed('', 'timeout');
    const signal = new AbortController().signal;
    const readings = await collectReadings(
      { readers: windows, clock: systemClock, deadlineMs: 5_000, ...cycle() },
      signal,
    );
    expect(readings['os-version']).toMatchObject({ state: 'unknown', why: 'timeout' });
    expect(readings.firewall).toMatchObject({ state: 'unknown', why: 'timeout' });
  });

  test('without its script files a check failed, and preparing does not reject', async () => {
    const open = openWindows(
      {
        self: () => self,
        cacheFolder: await temporaryFolder(),
        clock: systemClock,
        updates: { everyMs: HOUR, atStartMs: HOUR, patience: 'wait' },
      },
      {
        run: () => async () => printed(laptop),
        readPart() {
          throw new Error('ENOENT');
        },
      },
    );
    const signal = new AbortController().signal;
    const readings = await collectReadings({
      readers: windows,
      clock: systemClock,
      deadlineMs: 5_000,
      ...open('full', signal),
    });
    expect(readings['os-version']).toMatchObject({ state: 'unknown', why: 'failed' });
    expect(readings['os-patch']).toMatchObject({ state: 'unknown', why: 'failed' });
  });
});

describe('a light cycle', () => {
  const key = [
    'HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion',
    '    CurrentBuild    REG_SZ    26100',
    '    UBR    REG_DWORD    0x270f',
    '',
  ].join('\r\n');

  test('starts no PowerShell: the registry over the last document', async () => {
    const { host, answers, count } = await machine();
    await host().probe('tpm');
    answers.reg = () => printed(key);
    const light = host('light');
    expect(await light.probe('currentVersion')).toMatchObject({ ok: true, data: { UBR: 9999 } });
    expect(await light.probe('tpm')).toMatchObject({ ok: true });
    expect(count('full')).toBe(1);
  });

  test('before any full one it knows what the registry says, and no more', async () => {
    const { host, answers, count } = await machine();
    answers.reg = () => printed(key);
    expect(await host('light').probe('currentVersion')).toMatchObject({ ok: true });
    expect(await host('light').probe('tpm')).toBeNull();
    expect(count('full')).toBe(0);
  });

  test('a property that the key does not have stays as it was', () => {
    const before = (name: string) =>
      name === 'a' ? { ok: true as const, ms: 1, data: { ProductType: 'WinNT', UBR: 1 } } : null;
    const over = overlay(before, new Map([['a', { ok: true, ms: 0, data: { UBR: 2 } }]]));
    expect(over('a')).toMatchObject({ data: { ProductType: 'WinNT', UBR: 2 } });
    expect(over('b')).toBeNull();
    expect(overlay(before, new Map())('a')).toMatchObject({ data: { UBR: 1 } });
  });
});

describe('updates', () => {
  const search = async (host: Host) => host.probe('updates');

  test('are asked in the background at the start, and then every six hours', async () => {
    const { cycle, host, count, pass } = await machine();
    await cycle().prepare?.();
    await settle();
    expect(await search(host())).toMatchObject({ ok: true, data: [] });
    for (let index = 0; index < 71; index += 1) {
      pass(HOUR / 12);
      await cycle().prepare?.();
    }
    await settle();
    expect(count('updates')).toBe(1);
    pass(HOUR / 12);
    await cycle().prepare?.();
    await settle();
    expect(count('updates')).toBe(2);
  });

  test('not yet answered is a timeout and holds nobody up; one asking at a time', async () => {
    const { cycle, host, answers, count } = await machine();
    let answer: (output: Output) => void = () => {};
    answers.updates = () => new Promise((resolve) => (answer = resolve));
    await cycle().prepare?.();
    await cycle().prepare?.();
    await settle();
    expect(await search(host())).toMatchObject({ ok: false, hresult: 0x80041069 | 0 });
    expect(count('updates')).toBe(1);
    answer(printed(updates));
    await settle();
    expect(await search(host())).toMatchObject({ ok: true });
  });

  test('outlive a restart, after which they are asked soon', async () => {
    const first = await machine();
    await first.cycle().prepare?.();
    await expect.poll(() => existsSync(join(first.folder, 'windows-updates.json'))).toBe(true);
    const young = await machine({}, first.folder);
    await young.cycle().prepare?.();
    await settle();
    expect(await search(young.host())).toMatchObject({ ok: true });
    expect(young.count('updates')).toBe(0);
    const old = await machine({}, first.folder);
    old.pass(HOUR / 2);
    old.answers.updates = () => new Promise(() => {});
    await old.cycle().prepare?.();
    await settle();
    expect(old.count('updates')).toBe(1);
    expect(await search(old.host())).toMatchObject({ ok: true });
  });

  test.each([
    ['the process failed', () => printed('', 'timeout')],
    ['nothing but noise came', () => printed('Fehler')],
  ])('%s: the last answer stays for a day, and it is tried again soon', async (_what, answer) => {
    const { cycle, host, answers, count, pass } = await machine();
    await cycle().prepare?.();
    await settle();
    answers.updates = answer;
    pass(6 * HOUR);
    await cycle().prepare?.();
    await settle();
    pass(HOUR / 2);
    await cycle().prepare?.();
    await settle();
    expect(count('updates')).toBe(3);
    expect(await search(host())).toMatchObject({ ok: true });
    pass(18 * HOUR);
    expect(await search(host())).toMatchObject({ ok: false });
  });

  test('a search that failed says so, keeps its other answers, and is tried again soon', async () => {
    const { cycle, host, answers, count, pass } = await machine();
    answers.updates = () => printed(failedSearch);
    await cycle().prepare?.();
    await settle();
    expect(await search(host())).toMatchObject({ ok: false, hresult: -2145107924 });
    expect(await host().probe('autoUpdate')).toMatchObject({ ok: true });
    pass(HOUR / 2);
    await cycle().prepare?.();
    await settle();
    expect(count('updates')).toBe(2);
  });

  test('who looks once waits for the answer', async () => {
    const { host, answers } = await machine({ patience: 'wait' });
    answers.updates = async () => {
      await systemClock.sleep(50);
      return printed(updates);
    };
    expect(await search(host())).toMatchObject({ ok: true });
  });

  test.each(['', '{', '{"schema":2}', '[]'])('a damaged file (%j) is none', async (text) => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, 'windows-updates.json'), text);
    const { host } = await machine({}, folder);
    expect(await search(host())).toMatchObject({ ok: false });
  });

  test('where they cannot be kept they are known all the same', async () => {
    const { host, folder } = await machine({ patience: 'wait' }, '/nowhere/at/all');
    expect(await search(host())).toMatchObject({ ok: true });
    expect(existsSync(folder)).toBe(false);
  });
});
