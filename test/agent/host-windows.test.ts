import { describe, expect, test } from 'vitest';
import { NO_QUESTIONS } from '../../collectors/check.ts';
import { windows } from '../../collectors/windows.ts';
import { openWindows, overlay } from '../../src/agent/host-windows.ts';
import { collectReadings } from '../../src/agent/report.ts';
import { systemClock } from '../../src/base/clock.ts';
import { HOUR, laptop, machine, printed, self } from './windows-machine.ts';

describe('the document', () => {
  test('is one PowerShell a cycle for all checks, and none before somebody asks', async () => {
    const { cycle, count } = machine();
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
    const { host, answers } = machine();
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
    const { cycle, answers } = machine();
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
    const { cycle, answers } = machine();
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
        questions: () => NO_QUESTIONS,
        cacheFolder: '/nowhere/at/all',
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
    const { host, answers, count } = machine();
    await host().probe('tpm');
    answers.reg = () => printed(key);
    const light = host('light');
    expect(await light.probe('currentVersion')).toMatchObject({ ok: true, data: { UBR: 9999 } });
    expect(await light.probe('tpm')).toMatchObject({ ok: true });
    expect(count('full')).toBe(1);
  });

  test('before any full one it knows what the registry says, and no more', async () => {
    const { host, answers, count } = machine();
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
