import { describe, expect, test } from 'vitest';
import { parseDirectoryUser, runAs, startAs } from '../../src/agent/run-as.ts';
import { defaults, gsettings, uname } from '../../src/base/commands.ts';

const alice = { name: 'alice', uid: 501, home: '/Users/alice' };
const words = [defaults.path, 'read', 'com.apple.screensaver'];

describe('what is started', () => {
  test('macOS: into the session, then the user, with nothing but that user’s variables', () => {
    expect(startAs('macos', alice, false, words)).toEqual({
      command: { path: '/bin/launchctl' },
      argv: [
        'asuser',
        '501',
        '/usr/bin/sudo',
        '-n',
        '-u',
        'alice',
        '--',
        '/usr/bin/env',
        'HOME=/Users/alice',
        'USER=alice',
        'LOGNAME=alice',
        '/usr/bin/defaults',
        'read',
        'com.apple.screensaver',
      ],
    });
  });

  test('Linux: with the session’s bus', () => {
    const started = startAs('linux', { ...alice, uid: 1000 }, false, [gsettings.path, 'get']);
    expect(started?.command.path).toBe('/usr/sbin/runuser');
    expect(started?.argv.slice(0, 4)).toEqual(['-u', 'alice', '--', '/usr/bin/env']);
    expect(started?.argv).toContain('DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus');
    expect(started?.argv.slice(-2)).toEqual(['/usr/bin/gsettings', 'get']);
  });

  test.each(['linux', 'macos'] as const)('%s: for oneself nobody has to be become', (platform) => {
    expect(startAs(platform, alice, true, words)).toMatchObject({ command: { path: '/usr/bin/env' } });
  });

  test('Windows: nothing', async () => {
    expect(startAs('windows', alice, false, words)).toBeNull();
    expect(await runAs('windows', 'alice', uname, [], {})).toMatchObject({ failure: 'denied' });
  });
});

describe('a user of macOS’ directory', () => {
  const answer =
    'name: alice\npassword: ********\nuid: 501\ngid: 20\ndir: /Users/alice\nshell: /bin/zsh\ngecos: Alice: A\n';

  test('is read', () => expect(parseDirectoryUser(answer)).toEqual({ uid: 501, home: '/Users/alice' }));

  test.each([
    '',
    'uid: 501\n',
    'dir: /Users/alice\n',
    'uid: -2\ndir: /x\n',
    'uid: 501\ndir: x\n',
    'gid: uid: 1\n',
  ])('%j is none', (text) => expect(parseDirectoryUser(text)).toBeNull());

  test('is nobody where the tool is not there', async () => {
    expect(await runAs('macos', 'alice', uname, [], {})).toMatchObject({ failure: 'not-found' });
  });
});
