import { chmod, chown, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listsKey, rawFromRegistry } from '../../src/agent/managed-registry.ts';
import { readManagedFile, readManagedPreferences, readPolicyKey } from '../../src/agent/managed-sources.ts';
import { judgeManaged } from '../../src/agent/managed.ts';
import type { RawManaged } from '../../src/agent/managed-raw.ts';
import type { Command } from '../../src/base/commands.ts';
import type { Output } from '../../src/base/exec.ts';
import { ok, type Result } from '../../src/base/result.ts';
import { temporaryFolder } from './harness.ts';

const isRoot = process.getuid?.() === 0;

function valuesOf(read: Result<RawManaged | null, string>): Record<string, unknown> {
  if (!read.ok) throw new Error(read.error);
  return Object.fromEntries(read.value?.values ?? []);
}

/** A machine on which programs answer what the test says, by their last words. */
function answering(answer: (argv: readonly string[], path: string) => Partial<Output>) {
  const asked: string[][] = [];
  return {
    asked,
    async run(command: Command, argv: readonly string[]): Promise<Output> {
      asked.push([command.path, ...argv]);
      return { stdout: '', stderr: '', code: 0, failure: null, ...answer(argv, command.path) };
    },
  };
}

describe('the file on Linux', () => {
  async function fileWith(text: string, mode = 0o644): Promise<string> {
    const file = join(await temporaryFolder(), 'managed.yaml');
    await writeFile(file, text, { mode });
    await chmod(file, mode);
    return file;
  }

  test('is read by sections', async () => {
    const file = await fileWith('vpn:\n  allowedGateways: [vpn.example.org]\nlog: { level: debug }\n');
    expect(valuesOf(await readManagedFile(file))).toEqual({
      'vpn.allowedGateways': ['vpn.example.org'],
      'log.level': 'debug',
    });
  });

  test('may be missing, and may be empty', async () => {
    expect(await readManagedFile(join(await temporaryFolder(), 'managed.yaml'))).toEqual({
      ok: true,
      value: null,
    });
    expect(valuesOf(await readManagedFile(await fileWith('')))).toEqual({});
  });

  test.each([
    ['is a list', '- a\n', 0o644, 'has to hold settings by name'],
    ['is no YAML', 'vpn: [', 0o644, 'managed.yaml:1:'],
    ['names a setting twice', 'vpn: {mode: auto}\nvpn: {mode: auto}\n', 0o644, 'managed.yaml:2:'],
    ['has aliases', 'a: &x 1\nb: *x\n', 0o644, 'aliases are not allowed'],
    ['is too large', `# ${'x'.repeat(300_000)}\n`, 0o644, 'is too large'],
    ['others can write', 'log: {level: info}\n', 0o666, 'Others can write to'],
  ])('that %s is not read', async (_what, text, mode, why) => {
    const read = await readManagedFile(await fileWith(text, mode));
    expect(read.ok ? '' : read.error).toContain(why);
  });

  test('that is a link is not read', async () => {
    const target = await fileWith('log: {level: info}\n');
    const link = join(await temporaryFolder(), 'managed.yaml');
    await symlink(target, link);
    const read = await readManagedFile(link);
    expect(read.ok ? '' : read.error).toContain('is a symbolic link');
  });

  test('that lies in a folder of others is not read', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'managed.yaml'), 'log: {level: info}\n');
    await chmod(folder, 0o777);
    const read = await readManagedFile(join(folder, 'managed.yaml'));
    expect(read.ok ? '' : read.error).toContain(`Others can write to ${folder}`);
  });

  test.runIf(isRoot)('that belongs to somebody else is not read (needs root)', async () => {
    const file = await fileWith('log: {level: info}\n');
    await chown(file, 65_534, 0);
    const read = await readManagedFile(file);
    expect(read.ok ? '' : read.error).toContain('belongs to user id 65534');
  });

  test('is no place for a secret: that has a file of its own', async () => {
    const read = await readManagedFile(await fileWith('enrolment: { token: abc }\nlog: { level: info }\n'));
    expect(valuesOf(read)).toEqual({ 'log.level': 'info' });
    expect(read.ok && read.value?.problems[0]?.message).toContain('ENROLL_TOKEN in the file enroll');
  });
});

describe('the preferences that profiles force on macOS', () => {
  const PLIST = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadUUID</key><string>8BE21B10-8E66-5870-A8C3-16F67079E357</string>
<key>vpn</key><dict><key>allowedGateways</key><array><string>vpn.example.org</string></array></dict>
<key>tray</key><dict><key>enabled</key><false/></dict>
<key>collect</key><dict><key>everySeconds</key><integer>60</integer><key>budget</key><dict><key>cpuPercent</key><real>0.5</real></dict></dict>
</dict></plist>`;

  test('are converted by plutil and read by type', async () => {
    const file = join(await temporaryFolder(), 'io.drawbridge.agent.plist');
    await writeFile(file, 'bplist00');
    const machine = answering(() => ({ stdout: PLIST }));
    const read = await readManagedPreferences(machine, file);
    expect(read).toMatchObject({ value: { problems: [] } });
    expect(valuesOf(read)).toEqual({
      'vpn.allowedGateways': ['vpn.example.org'],
      'tray.enabled': false,
      'collect.everySeconds': 60,
      'collect.budget.cpuPercent': 0.5,
    });
    expect(machine.asked).toEqual([['/usr/bin/plutil', '-convert', 'xml1', '-o', '-', file]]);
  });

  test('may be missing; then nobody is asked', async () => {
    const machine = answering(() => ({ code: 1 }));
    const read = await readManagedPreferences(machine, join(await temporaryFolder(), 'none.plist'));
    expect(read).toEqual({ ok: true, value: null });
    expect(machine.asked).toEqual([]);
  });

  test.each([
    ['plutil is not there', { code: null, failure: 'not-found' as const }, 'plutil: not-found'],
    ['plutil fails', { code: 1 }, 'plutil: 1'],
    ['the list is cut off', { stdout: PLIST.slice(0, 300) }, 'cannot be read'],
  ])('%s: that is no absence', async (_what, output, why) => {
    const file = join(await temporaryFolder(), 'io.drawbridge.agent.plist');
    await writeFile(file, 'bplist00');
    const read = await readManagedPreferences(
      answering(() => output),
      file,
    );
    expect(read.ok ? '' : read.error).toContain(why);
  });

  test('a link in their place is not followed', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'real'), 'bplist00');
    await symlink(join(folder, 'real'), join(folder, 'io.drawbridge.agent.plist'));
    const read = await readManagedPreferences(
      answering(() => ({ stdout: PLIST })),
      join(folder, 'io.drawbridge.agent.plist'),
    );
    expect(read.ok ? '' : read.error).toContain('is not a regular file');
  });
});

describe('the policy key on Windows', () => {
  /** As Wine's reg.exe printed it, line ends included. */
  const PRINTED = [
    '',
    'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Drawbridge\\Agent',
    '    log.level    REG_SZ    debug',
    '    tray.enabled    REG_DWORD    0x0',
    '    vpn.allowedGateways    REG_MULTI_SZ    a.example\\0b.example',
    '',
  ].join('\r\n');
  const KEY = 'HKLM\\SOFTWARE\\Policies\\Drawbridge\\Agent';
  const printed = (...lines: string[]) => ['HKEY_LOCAL_MACHINE\\x', ...lines].join('\r\n');
  const values = (...lines: string[]) =>
    Object.fromEntries(rawFromRegistry('test', printed(...lines)).values);

  test('is read by its values', async () => {
    const machine = answering(() => ({ stdout: PRINTED }));
    expect(valuesOf(await readPolicyKey(machine))).toEqual({
      'log.level': 'debug',
      'tray.enabled': false,
      'vpn.allowedGateways': ['a.example', 'b.example'],
    });
    expect(machine.asked).toEqual([['C:\\Windows\\System32\\reg.exe', 'query', KEY, '/reg:64']]);
  });

  test('numbers, switches and lists come in several types', () => {
    expect(values('    collect.everySeconds    REG_DWORD    0x3c')).toEqual({ 'collect.everySeconds': 60 });
    expect(values('    COLLECT.EVERYSECONDS    REG_SZ    60')).toEqual({ 'collect.everySeconds': 60 });
    expect(values('    collect.budget.cpuPercent    REG_SZ    0.5')).toEqual({
      'collect.budget.cpuPercent': 0.5,
    });
    expect(values('    vpn.allowedGateways    REG_MULTI_SZ    ')).toEqual({ 'vpn.allowedGateways': [] });
    expect(values('    vpn.allowedGateways    REG_MULTI_SZ')).toEqual({ 'vpn.allowedGateways': [] });
    expect(values('    vpn.allowedGateways    REG_SZ    a.example')).toEqual({
      'vpn.allowedGateways': ['a.example'],
    });
    expect(values('    (Standard)    REG_SZ    x')).toEqual({});
  });

  test('a long list is read whole', () => {
    const names = Array.from(
      { length: 64 },
      (_, index) => `${'g'.repeat(60)}.${'h'.repeat(60)}.example${index}`,
    );
    const raw = rawFromRegistry(
      'test',
      printed(`    vpn.allowedGateways    REG_MULTI_SZ    ${names.join('\\0')}`),
    );
    expect(judgeManaged(ok(raw), null)).toMatchObject({
      value: { settings: [{ name: 'vpn.allowedGateways', value: names, from: 'now' }], problems: [] },
    });
  });

  test.each([
    ['binary', '    vpn.allowedGateways    REG_BINARY    00FF', 'vpn.allowedGateways: has to be a list'],
    ['a switch of 2', '    tray.enabled    REG_DWORD    0x2', 'tray.enabled: has to be true or false'],
    ['a number as a word', '    collect.everySeconds    REG_SZ    often', 'has to be a whole number'],
    [
      'what the code page could not say',
      '    server.caFile    REG_SZ    C:\\Zertifikate\\f\uFFFDr.pem',
      'server.caFile',
    ],
    ['a second line of a value', 'more of it', 'not understood: "more of it"'],
    ['a name of another version', '    vpn.newer    REG_SZ    x', 'unknown setting "vpn.newer"'],
  ])('%s is told of, never passed over', (_what, line, why) => {
    const managed = judgeManaged(ok(rawFromRegistry('test', printed(line))), null);
    const problems = managed.ok ? managed.value.problems.map(({ message }) => message).join('\n') : '';
    expect(problems).toContain(why);
  });

  test('subkeys and what is in them do not count', () => {
    expect(
      values(
        '    log.level    REG_SZ    info',
        '',
        'HKEY_LOCAL_MACHINE\\x\\Sub',
        '    log.level    REG_SZ    debug',
      ),
    ).toEqual({
      'log.level': 'info',
    });
  });

  const hierarchy = (present: Record<string, readonly string[]>) =>
    answering(([, key = '']) => {
      const children = present[key];
      if (children === undefined) return { code: 1 };
      return {
        stdout: [
          '',
          ...children.map((child) => `${key.replace('HKLM', 'HKEY_LOCAL_MACHINE')}\\${child}`),
        ].join('\r\n'),
      };
    });

  test.each([
    ['no policies of ours', { 'HKLM\\SOFTWARE\\Policies': ['Microsoft'] }],
    ['none of any kind', { 'HKLM\\SOFTWARE\\Policies': [] }],
    ['not even the key of policies', { 'HKLM\\SOFTWARE': ['Microsoft'] }],
    ['policies of another part', { 'HKLM\\SOFTWARE\\Policies\\Drawbridge': ['Server'] }],
  ])('%s: nothing is managed', async (_what, present) => {
    expect(await readPolicyKey(hierarchy(present))).toEqual({ ok: true, value: null });
  });

  test.each([
    ['it is there and closed', { 'HKLM\\SOFTWARE\\Policies\\Drawbridge': ['agent'] }],
    ['the key above is there and closed', { 'HKLM\\SOFTWARE\\Policies': ['Drawbridge'] }],
    ['reg.exe does not answer at all', {}],
  ])('%s: that is no absence', async (_what, present) => {
    const read = await readPolicyKey(hierarchy(present));
    expect(read.ok ? '' : read.error).toContain('cannot be read (reg.exe: 1)');
  });

  test('a query that failed once is asked again; one that goes on to fail says how', async () => {
    const failing = (times: number) => {
      let asked = 0;
      return readPolicyKey(
        answering(() => ((asked += 1) <= times ? { code: null, failure: 'timeout' } : {})),
      );
    };
    expect(await failing(4)).toMatchObject({ ok: true, value: { problems: [] } });
    expect(await failing(8)).toEqual({ ok: false, error: 'the registry cannot be read (reg.exe: timeout)' });
  });

  test('a key is found by its whole name', () => {
    expect(listsKey('HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\NotDrawbridge\r\n', 'Drawbridge')).toBe(false);
  });
});
