import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isRoot } from '../needs.ts';

const NOBODY = 65_534;
const agent = join(import.meta.dirname, '../../src/agent/key-choice.ts');
const isThere = existsSync('/usr/bin/gnome-keyring-daemon') && existsSync('/usr/bin/dbus-run-session');
let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'drawbridge-keyring-'));
  mkdirSync(join(home, 'run'), { mode: 0o700 });
  if (isRoot) for (const path of [home, join(home, 'run')]) chownSync(path, NOBODY, NOBODY);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Runs code in a user's session with an unlocked keyring; `this` keyring's files stay in `home`. */
function inSession(code: string): string {
  const script = `import { createKeys, openKeys } from ${JSON.stringify(agent)};
    const choice = { wanted: 'auto', home: { stateDir: ${JSON.stringify(home)}, tcti: 'device:/dev/tpmrm99' }, platform: 'linux', isRoot: false, hasSession: true };
    ${code}`;
  // The daemon reads the password that unlocks it on standard input, and the rest runs in the same session.
  const session =
    'gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec "$0" --input-type=module -e "$1"';
  const done = spawnSync(
    '/usr/bin/dbus-run-session',
    ['--', '/bin/sh', '-c', session, process.execPath, script],
    {
      env: { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), PATH: '/usr/bin:/bin' },
      input: 'a password of this test',
      encoding: 'utf8',
      timeout: 60_000,
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    },
  );
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim();
}

test.runIf(isThere)(
  'a user’s keys live in the session’s keyring, and outlive the session (needs gnome-keyring)',
  () => {
    const made = inSession(`const { kind, keys } = await createKeys(choice);
    console.log(JSON.stringify({ kind, protection: keys.protection, keys: await keys.publicJwks() }));`);
    expect(JSON.parse(made)).toMatchObject({ kind: 'keyring', protection: 'os-keystore' });
    const opened = inSession(`const keys = await openKeys({ kind: 'keyring', slot: 'a' }, choice.home);
    const signature = await keys.sign(new Uint8Array([1, 2, 3]));
    console.log(JSON.stringify({ length: signature.length, keys: await keys.publicJwks() }));`);
    expect(JSON.parse(opened)).toEqual({ length: 64, keys: JSON.parse(made).keys });
    expect(existsSync(join(home, 'keys.json'))).toBe(false);
    const stored = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.keyring'),
    );
    const x = JSON.parse(made).keys.report.x;
    expect(stored.length).toBeGreaterThan(0);
    for (const name of stored) expect(readFileSync(join(home, name), 'latin1')).not.toContain(x);
  },
);
