import { describe, expect, test } from 'vitest';
import type { Host, Output } from '../../collectors/check.ts';
import { read as readDisks } from '../../collectors/disk-encryption/macos.ts';
import { read as readPatches } from '../../collectors/os-patch/macos.ts';
import { matchWatched, read as readProcesses } from '../../collectors/processes/macos.ts';
import { read as readLock } from '../../collectors/screen-lock/macos.ts';
import { replayHost, type RecordedCommand, type Recording } from '../../src/agent/replay.ts';

type Asked = { argv: string[]; as: string | undefined };

/** A Mac that answers these commands, and a list of all that it was asked. */
function mac(commands: RecordedCommand[], change: Partial<Host> = {}): { host: Host; asked: Asked[] } {
  const recording: Recording = {
    root: true,
    commands,
    files: new Map(),
    dirs: new Map(),
    links: new Map(),
    probes: new Map(),
  };
  const asked: Asked[] = [];
  const replay = replayHost(recording);
  const host: Host = {
    ...replay,
    async run(command, argv, options) {
      asked.push({ argv: [command.path, ...argv], as: options?.as });
      return replay.run(command, argv, options);
    },
    ...change,
  };
  return { host, asked };
}

function says(argv: string[], stdout: string): RecordedCommand {
  return { argv, stdout, stderr: '', exit: 0 };
}

function always(failure: Output['failure']): Partial<Host> {
  return { run: async () => ({ stdout: '', stderr: '', code: null, failure }) };
}

function preferences(list: string): RecordedCommand {
  return says(
    ['/usr/bin/plutil', '-convert', 'xml1', '-o', '-', '/Library/Preferences/com.apple.SoftwareUpdate.plist'],
    `<plist version="1.0"><dict>${list}</dict></plist>`,
  );
}

describe('os-patch', () => {
  const date = '<key>LastFullSuccessfulDate</key><date>2026-10-02T06:12:13Z</date>';

  test('a Mac that knows what is offered is never asked to look', async () => {
    const { host, asked } = mac([preferences(`${date}<key>RecommendedUpdates</key><array/>`)]);
    await readPatches(host);
    expect(asked.some(({ argv }) => argv[0] === '/usr/sbin/softwareupdate')).toBe(false);
  });

  test('a Mac that does not know is asked without a scan, which would move the date that the check reads', async () => {
    const list = ['/usr/sbin/softwareupdate', '--list', '--no-scan'];
    const { host, asked } = mac([preferences(date), says(list, 'No new software available.\n')]);
    expect(await readPatches(host)).toMatchObject({ fact: { pending: 0 } });
    expect(asked.filter(({ argv }) => argv[0] === '/usr/sbin/softwareupdate')).toEqual([
      { argv: list, as: undefined },
    ]);
  });
});

describe('processes', () => {
  const ps = ['/bin/ps', '-axo', 'comm='];
  const list =
    '/sbin/launchd\n/Applications/Some Tool.app/Contents/MacOS/Some Tool\n/opt/bin/miner\n(Miner)\n';

  test('matches are counted by base name, without regard to capitals; nothing else is told', async () => {
    const questions = {
      watch: [
        { rule: 'mining', executable: 'miner' },
        { rule: 'tool', executable: 'some tool' },
        { rule: 'absent', executable: 'Tool' },
      ],
      tags: {},
    };
    const { host } = mac([says(ps, list)], { questions });
    expect(await readProcesses(host)).toEqual({
      state: 'known',
      fact: {
        matches: [
          { rule: 'mining', count: 2 },
          { rule: 'tool', count: 1 },
        ],
      },
    });
  });

  test('without a watch-list nothing is asked', async () => {
    const { host, asked } = mac([says(ps, list)]);
    expect(await readProcesses(host)).toEqual({ state: 'known', fact: { matches: [] } });
    expect(asked).toEqual([]);
  });

  test('a list that lacks launchd is not whole', async () => {
    const questions = { watch: [{ rule: 'mining', executable: 'miner' }], tags: {} };
    const { host } = mac([says(ps, '/usr/libexec/logd\n')], { questions });
    expect(await readProcesses(host)).toMatchObject({ state: 'unknown', why: 'unparsable' });
  });

  test('an empty list matches nothing', () => {
    expect(matchWatched([], [{ rule: 'mining', executable: 'miner' }])).toEqual([]);
  });
});

describe('what could not be asked', () => {
  test.each([
    ['timeout', 'timeout'],
    ['denied', 'denied'],
    ['not-found', 'not-installed'],
    ['flood', 'unparsable'],
    ['signal', 'failed'],
  ] as const)('a program that ended by %s is unknown: %s', async (failure, why) => {
    expect(await readDisks(mac([], always(failure)).host)).toMatchObject({ state: 'unknown', why });
  });

  test('the question about the lock is put as the user who is logged in', async () => {
    const console =
      '<dictionary> {\n  Name : sam\n  SessionInfo : <array> {\n    0 : <dictionary> {\n      kCGSSessionUserIDKey : 501\n      kCGSSessionUserNameKey : sam\n    }\n  }\n  UID : 501\n}\n';
    const { host, asked } = mac([says(['/usr/sbin/scutil'], console)]);
    expect(await readLock(host)).toMatchObject({ state: 'unknown', why: 'not-installed' });
    expect(asked).toContainEqual({ argv: ['/usr/sbin/sysadminctl', '-screenLock', 'status'], as: 'sam' });
  });
});
