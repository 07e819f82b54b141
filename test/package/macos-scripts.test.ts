import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { byProgram, ENTITLEMENTS } from '../../packaging/build/macos-signer.ts';
import { CHECKOUT } from './build.ts';

/*
 * The package's own scripts, run in a folder that stands for a Mac's disk. Apple's tools are stand-ins that write down how
 * they were called: this shows order, arguments and refusals, and not that a Mac's tools do what is meant.
 */
const APPLE = [
  '/bin/launchctl',
  '/sbin/pfctl',
  '/usr/bin/security',
  '/usr/bin/stat',
  '/usr/libexec/PlistBuddy',
  '/usr/sbin/chown',
  '/usr/sbin/pkgutil',
  '/bin/sleep',
];
const HOME = 'Library/Application Support/Drawbridge';
const PROGRAM = `${HOME}/Drawbridge.app/Contents/MacOS/drawbridge`;

/** Somebody sits at the screen; a job is loaded while the file `loaded` is there. */
const STAND_IN = `#!/bin/sh
name=$(basename "$0")
case "$name" in stat | sleep) ;; *) echo "$name $*" >>"$DISK/calls" ;; esac
case "$name $1" in
'stat -f') echo 501 ;;
'PlistBuddy -c') cat "$DISK/version" ;;
'launchctl bootout') rm -f "$DISK/loaded" ;;
'launchctl bootstrap') [ "$2" != system ] || [ ! -e "$DISK/broken" ] ;;
'launchctl print') test -e "$DISK/loaded" ;;
'pfctl -a') if [ "$3" = -s ] && [ "$2" = com.apple/000.drawbridge-vpn ]; then
	echo 'block drop out quick on ppp0 all label "dbv 1/2 token 1844674407"'
	echo 'block drop out quick on ppp1 all label "dbv 2/2 in"'
fi ;;
esac
`;

let disk = '';

beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'drawbridge-mac-'));
  for (const path of APPLE) place(path, STAND_IN, 0o755);
});
afterEach(() => rmSync(disk, { recursive: true, force: true }));

function place(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(disk, path)), { recursive: true });
  writeFileSync(join(disk, path), text, { mode });
  chmodSync(join(disk, path), mode);
}

/** Runs a script with every path of a Mac below `disk`. */
function run(name: string, ...argv: string[]) {
  const text = readFileSync(join(CHECKOUT, 'packaging/macos', `${name}.sh`), 'utf8').replace(
    '@VERSION@',
    '0.10.0',
  );
  const paths = [...APPLE, '/usr/local/bin', '/var/run/drawbridge'];
  const moved = paths
    .reduce((script, path) => script.replaceAll(path, `${disk}${path}`), text)
    .replaceAll(/(?<![\w.])\/Library\//g, `${disk}/Library/`);
  writeFileSync(join(disk, 'script'), moved);
  const done = spawnSync('/bin/sh', [join(disk, 'script'), ...argv], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', DISK: disk },
  });
  return { code: done.status, err: done.stderr.replaceAll(disk, ''), out: done.stdout.replaceAll(disk, '') };
}

function calls(): string[] {
  const file = join(disk, 'calls');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').replaceAll(disk, '').trim().split('\n');
}

function installed(version: string): void {
  place(`${HOME}/Drawbridge.app/Contents/Info.plist`, '');
  place('version', `${version}\n`);
}

describe('before the files are placed', () => {
  test('what runs is stopped, tray and agent, and waited for', () => {
    installed('0.9.1');
    place('loaded', '');
    expect(run('preinstall', 'x.pkg', '/', '/')).toMatchObject({ code: 0, err: '' });
    expect(calls().filter((one) => one.startsWith('launchctl'))).toEqual([
      'launchctl bootout gui/501/io.drawbridge.tray',
      'launchctl bootout system/io.drawbridge.agent',
      'launchctl print system/io.drawbridge.agent',
    ]);
  });

  test('a newer version is not written over, and goes on; unless somebody insists', () => {
    installed('0.10.1');
    const refused = run('preinstall', 'x.pkg', '/', '/');
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('Drawbridge 0.10.1 is newer than 0.10.0. Remove it first');
    expect(calls().filter((one) => one.startsWith('launchctl'))).toEqual([]);
    place(`${HOME}/allow-downgrade`, '');
    expect(run('preinstall', 'x.pkg', '/', '/').code).toBe(0);
  });

  test('the same version again, and one whose number is shorter as text, are fine', () => {
    for (const version of ['0.10.0', '0.9.12']) {
      installed(version);
      expect(run('preinstall', 'x.pkg', '/', '/').code, version).toBe(0);
    }
  });

  test('another disk than the one that runs is refused', () => {
    expect(run('preinstall', 'x.pkg', '/', '/Volumes/Other')).toMatchObject({ code: 1 });
    expect(calls()).toEqual([]);
  });
});

describe('after the files are placed', () => {
  test('rights are set before anything starts; then the agent, then the tray of whoever sits there', () => {
    mkdirSync(join(disk, HOME), { recursive: true, mode: 0o777 });
    expect(run('postinstall', 'x.pkg', '/', '/')).toMatchObject({ code: 0, err: '' });
    expect(calls()).toEqual([
      `chown root:wheel /${HOME}`,
      'chown root:wheel /Library/Logs/Drawbridge',
      'launchctl enable system/io.drawbridge.agent',
      'launchctl bootstrap system /Library/LaunchDaemons/io.drawbridge.agent.plist',
      'launchctl bootstrap gui/501 /Library/LaunchAgents/io.drawbridge.tray.plist',
    ]);
    expect(readlinkSync(join(disk, 'usr/local/bin/drawbridge'))).toBe(join(disk, PROGRAM));
  });

  test('a command of somebody else stays; an agent that does not start is an error with what to do', () => {
    mkdirSync(join(disk, HOME), { recursive: true });
    place('usr/local/bin/drawbridge', 'mine');
    place('broken', '');
    const failed = run('postinstall', 'x.pkg', '/', '/');
    expect(failed.code).toBe(1);
    expect(failed.err).toContain('sudo launchctl bootstrap system');
    expect(readFileSync(join(disk, 'usr/local/bin/drawbridge'), 'utf8')).toBe('mine');
  });
});

describe.runIf(process.getuid?.() === 0)('taken away', () => {
  const prepare = () => {
    installed('0.10.0');
    mkdirSync(join(disk, HOME), { recursive: true });
    run('postinstall', 'x.pkg', '/', '/');
    for (const path of [
      'Library/LaunchDaemons/io.drawbridge.agent.plist',
      'Library/LaunchAgents/io.drawbridge.tray.plist',
      'Library/Logs/Drawbridge/agent.log',
      `${HOME}/state/enrolment.json`,
      `${HOME}/installed.json`,
      PROGRAM,
    ])
      place(path, '');
    place(PROGRAM, STAND_IN, 0o755);
    place(`${HOME}/state/certificate-keychain`, 'AB12\nCD34');
    place('loaded', '');
    rmSync(join(disk, 'calls'));
  };

  test('it stops, lets go of what it held, and keeps its identity', () => {
    prepare();
    expect(run('uninstall')).toMatchObject({ code: 0, err: '' });
    const made = calls();
    expect(made.slice(0, 2)).toEqual([
      'launchctl bootout gui/501/io.drawbridge.tray',
      'launchctl bootout system/io.drawbridge.agent',
    ]);
    expect(made.filter((one) => one.startsWith('pfctl') && !one.includes(' -s '))).toEqual([
      'pfctl -a com.apple/000.drawbridge-vpn -F rules',
      'pfctl -X 1844674407',
      'pfctl -a com.apple/000.drawbridge-isolation -F rules',
    ]);
    expect(made.indexOf('drawbridge let-go')).toBe(3);
    expect(made).toContain('pkgutil --forget io.drawbridge.agent');
    for (const path of [
      'Library/LaunchDaemons/io.drawbridge.agent.plist',
      'Library/LaunchAgents/io.drawbridge.tray.plist',
      'usr/local/bin/drawbridge',
      `${HOME}/Drawbridge.app`,
      `${HOME}/installed.json`,
    ])
      expect(existsSync(join(disk, path)), path).toBe(false);
    expect(existsSync(join(disk, HOME, 'state/enrolment.json'))).toBe(true);
  });

  test('with --purge nothing is left, in the keychain neither', () => {
    prepare();
    expect(run('uninstall', '--purge').code).toBe(0);
    expect(existsSync(join(disk, HOME))).toBe(false);
    expect(existsSync(join(disk, 'Library/Logs/Drawbridge'))).toBe(false);
    expect(calls().filter((one) => one.startsWith('security'))).toEqual([
      'security delete-identity -Z AB12 /Library/Keychains/System.keychain',
      'security delete-identity -Z CD34 /Library/Keychains/System.keychain',
      'security delete-generic-password -s drawbridge-keys /Library/Keychains/System.keychain',
    ]);
  });

  test('a word that it does not know changes nothing', () => {
    prepare();
    expect(run('uninstall', '--all')).toMatchObject({ code: 2 });
    expect(calls()).toEqual([]);
  });
});

test('the signer for a Developer ID hands over what codesign needs, and nothing without an identity', () => {
  place('bin/codesign', '#!/bin/sh\nprintf "%s\\n" "$@" >"$DISK/calls"\n', 0o755);
  const script = join(CHECKOUT, 'packaging/macos/codesign.sh');
  const sign = (env: Record<string, string>, ...argv: string[]) =>
    spawnSync(script, argv, { env: { PATH: `${disk}/bin:/usr/bin:/bin`, DISK: disk, ...env } }).status;
  expect(sign({}, '/a b.app', 'io.x')).not.toBe(0);
  const identity = 'Developer ID Application: Example (T)';
  expect(sign({ DRAWBRIDGE_IDENTITY: identity }, '/a b.app', 'io.x', '/e f.plist')).toBe(0);
  expect(calls()).toEqual([
    '--force',
    '--timestamp',
    '--options',
    'runtime',
    '--sign',
    identity,
    '--identifier',
    'io.x',
    '--entitlements',
    '/e f.plist',
    '/a b.app',
  ]);
});

test('a signer of the builder’s own is told path, identifier and entitlements; its complaint ends the build', () => {
  place('signer', `#!/bin/sh\nprintf '%s\\n' "$@" >>${disk}/calls\ntest "$2" != io.y || exit 1\n`, 0o755);
  const signer = byProgram(join(disk, 'signer'));
  signer.file('/a.node', { identifier: 'io.x', entitled: false });
  signer.app('/b.app', { identifier: 'io.z', entitled: true });
  expect(calls()).toEqual(['/a.node', 'io.x', '/b.app', 'io.z', ENTITLEMENTS]);
  expect(() => signer.file('/a', { identifier: 'io.y', entitled: false })).toThrow('signer /a io.y');
});
