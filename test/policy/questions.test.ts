import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import { questionsFor, withOwnQuestions } from '../../src/policy/questions.ts';
import { tagsSchema, watchSchema } from '../../src/policy/questions-schema.ts';

const head = 'version: 1\nname: test\n';
const problemsOf = (text: string) => {
  const parsed = parsePolicy(head + text);
  return parsed.ok ? [] : parsed.error;
};
const asks = (os: string, question: unknown) => tagsSchema.safeParse({ tag: { [os]: question } }).success;

describe('tags', () => {
  test.each([
    ['linux', { file: { path: '/etc/company/banner' } }],
    ['linux', { file: { path: '/usr/lib/x/a b.so', sha256: 'a'.repeat(64) } }],
    ['linux', { service: { name: 'auditd' } }],
    ['linux', { service: { name: 'getty@tty1.service', state: 'stopped' } }],
    ['linux', { package: { name: 'g++', atLeast: '1:2.3~rc1-4' } }],
    [
      'macos',
      { plist: { path: '/Library/Managed Preferences/com.example.plist', key: 'A:B', equals: true } },
    ],
    ['macos', { package: { name: 'com.example.pkg', atLeast: '1.2' } }],
    ['windows', { file: { path: 'C:\\Program Files\\Guard\\guard.exe' } }],
    ['windows', { registry: { key: 'HKLM\\SOFTWARE\\Policies\\X Y', value: 'On', equals: 1 } }],
    ['windows', { package: { name: 'Wächter (x64) 2.0', atLeast: '2' } }],
  ])('%s may be asked %j', (os, question) => {
    expect(asks(os, question)).toBe(true);
  });

  test.each([
    'relative/path',
    '/etc/../root/x',
    '/etc/./x',
    '//server/x',
    '/etc//x',
    '/etc/',
    '/',
    '',
    '/etc/x\u0000',
    '/etc/x\ny',
    '/etc/shadow',
    '/private/etc/../etc/shadow',
    '/private/var/root/x',
    '/root/.ssh/id_ed25519',
    '/home/anna/notes.txt',
    '/Users/anna/notes.txt',
    '/users/anna/notes.txt',
    '/proc/1/environ',
    '/sys/kernel/x',
    '/dev/sda',
    '/etc/ipsec.secrets',
    '/etc/ppp/chap-secrets',
    '/etc/NetworkManager/system-connections/vpn',
    '/var/lib/drawbridge/keys.json',
    '/Library/Keychains/System.keychain',
    `/${'a'.repeat(500)}`,
  ])('no file %j on Linux and macOS', (path) => {
    expect(asks('linux', { file: { path } })).toBe(false);
    expect(asks('macos', { file: { path } })).toBe(false);
  });

  test.each([
    'guard.exe',
    '\\\\server\\share\\x',
    '\\\\?\\C:\\x',
    'C:x',
    'C:/x',
    'C:\\..\\x',
    'C:\\a\\.\\x',
    'C:\\a\\x.',
    'C:\\a\\x ',
    'C:\\x:stream',
    'C:\\*.exe',
    'C:\\%TEMP%\\x?',
    'C:\\a\\CON',
    'C:\\a\\nul.txt',
    'C:\\a\\com1',
    'C:\\PROGRA~1\\x',
    'C:\\Users\\anna\\x',
    'c:\\users\\anna\\x',
    'C:\\Windows\\System32\\config\\SAM',
    'C:\\ProgramData\\Drawbridge\\state\\key',
    'C:\\a\\\\b',
    'C:\\a\u0000',
  ])('no file %j on Windows', (path) => {
    expect(asks('windows', { file: { path } })).toBe(false);
  });

  test.each([
    ['linux', { service: { name: '-H' } }],
    ['linux', { service: { name: 'a b' } }],
    ['linux', { service: { name: '--all' } }],
    ['linux', { package: { name: '--root=/x', atLeast: '1' } }],
    ['linux', { package: { name: 'linux-*', atLeast: '1' } }],
    ['linux', { package: { name: 'bash', atLeast: '$(id)' } }],
    ['linux', { file: { path: '/etc/x', sha256: 'ABC' } }],
    ['linux', { file: { path: '/etc/x', content: 'y' } }],
    ['linux', { file: { path: '/etc/x' }, service: { name: 'x' } }],
    ['linux', {}],
    ['linux', { command: { run: 'id' } }],
    ['linux', { registry: { key: 'HKLM\\SOFTWARE\\X', value: 'a', equals: 1 } }],
    ['windows', { registry: { key: 'HKLM\\SAM\\SAM', value: 'a', equals: 1 } }],
    ['windows', { registry: { key: 'HKCU\\Software\\X', value: 'a', equals: 1 } }],
    ['windows', { registry: { key: 'HKLM\\SOFTWARE\\X" /f', value: 'a', equals: 1 } }],
    ['windows', { registry: { key: 'HKLM\\SOFTWARE\\X', value: '/ve', equals: 1 } }],
    ['windows', { registry: { key: 'HKLM\\SOFTWARE\\X', value: 'DefaultPassword', equals: 'x' } }],
    ['windows', { service: { name: 'type=' } }],
    ['macos', { plist: { path: '/Library/x.txt', key: 'a', equals: 1 } }],
  ])('%s may not be asked %j', (os, question) => {
    expect(asks(os, question)).toBe(false);
  });

  test('bounds: tags, rules, executables', () => {
    const many = <T>(count: number, value: T) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, value]));
    const question = { linux: { file: { path: '/etc/x' } } };
    expect(tagsSchema.safeParse(many(50, question)).success).toBe(true);
    expect(tagsSchema.safeParse(many(51, question)).success).toBe(false);
    expect(watchSchema.safeParse(many(51, { linux: ['x'] })).success).toBe(false);
    expect(watchSchema.safeParse({ a: { linux: Array.from({ length: 21 }, () => 'x') } }).success).toBe(
      false,
    );
    expect(watchSchema.safeParse({ a: { linux: ['/usr/bin/x'] } }).success).toBe(false);
    expect(watchSchema.safeParse({ a: { windows: ['a\\b.exe'] } }).success).toBe(false);
  });

  test('mistakes are named with their place and what would be right', () => {
    const [path] = problemsOf('tags:\n  banner:\n    linux:\n      file: { path: /home/x/y }\n');
    expect(path).toMatchObject({
      line: 6,
      message: expect.stringContaining('may not be in a place of users'),
    });
    const [unasked] = problemsOf('checks:\n  tags:\n    expect: { required: [banner] }\n');
    expect(unasked).toMatchObject({ line: 5, message: expect.stringContaining('not defined under "tags"') });
    const typo = problemsOf('tags:\n  banner:\n    linux:\n      fil: { path: /etc/x }\n');
    expect(typo.map(({ message }) => message).join()).toContain('did you mean "file"?');
  });
});

describe('what a device gets to hear', () => {
  const parsed = parsePolicy(`${head}
watch:
  remote: { windows: [anydesk.exe, teamviewer.exe], linux: [anydesk] }
  mining: { windows: [miner.exe] }
tags:
  edr:
    windows: { service: { name: CSFalconService } }
    linux: { package: { name: falcon-sensor, atLeast: "7.0" } }
  lsa:
    windows: { registry: { key: 'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa', value: RunAsPPL, equals: 1 } }
`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  const policy = parsed.value;

  test('its own system’s questions and no other’s', () => {
    expect(questionsFor(policy, 'linux')).toEqual({
      watch: [{ rule: 'remote', executable: 'anydesk' }],
      tags: { edr: { package: { name: 'falcon-sensor', atLeast: '7.0' } } },
    });
    expect(questionsFor(policy, 'macos')).toEqual({ watch: [], tags: {} });
    expect(Object.keys(questionsFor(policy, 'windows').tags)).toEqual(['edr', 'lsa']);
  });

  test.each(['windows', 'macos', 'linux'] as const)(
    'a policy cut down for %s asks the same of it',
    (platform) => {
      const own = withOwnQuestions(policy, platform);
      expect(questionsFor(own, platform)).toEqual(questionsFor(policy, platform));
      expect(JSON.stringify(own)).not.toContain(platform === 'windows' ? 'falcon-sensor' : 'RunAsPPL');
    },
  );

  test('no text whatever makes a path that escapes', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        for (const path of [text, `/${text}`, `/etc/${text}`, `C:\\${text}`]) {
          if (asks('linux', { file: { path } })) expect(path.split('/')).not.toContain('..');
          if (asks('windows', { file: { path } })) expect(path.split(/[\\/]/)).not.toContain('..');
        }
      }),
      { numRuns: 200 },
    );
  });
});
