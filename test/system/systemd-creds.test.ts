// Keys that systemd-creds encrypts: each mount namespace here is a computer with its own host key.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publicJwk } from '../../src/wire/envelope.ts';
import { isRoot } from '../needs.ts';
import { holdsPrivateKey } from '../support/private-key-search.ts';

const module = join(import.meta.dirname, '../../src/agent/key-choice.ts');
const canRun = isRoot && existsSync('/usr/bin/systemd-creds');
let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drawbridge-creds-'));
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function computer(name: string) {
  const systemd = mkdtempSync(join(root, `${name}-`));
  return (stateDir: string, code: string) => {
    const script = `import { createKeys, openKeys } from ${JSON.stringify(module)};
      const home = { stateDir: ${JSON.stringify(stateDir)}, tcti: 'device:/dev/tpmrm99' };
      ${code}`;
    const shell = 'mount --bind "$1" /var/lib/systemd && exec "$2" --input-type=module -e "$3"';
    const argv = ['-m', '/bin/sh', '-c', shell, 'sh', systemd, process.execPath, script];
    return spawnSync('/usr/bin/unshare', argv, {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin' },
      timeout: 60_000,
    });
  };
}

const MAKE = `const { kind, keys } = await createKeys({ wanted: 'auto', home, platform: 'linux', isRoot: true, hasSession: true });
  console.log(JSON.stringify({ kind, protection: keys.protection, ...(await keys.publicJwks()) }));`;
const OPEN = `const keys = await openKeys({ kind: 'systemd-creds', slot: 'a' }, home);
  console.log(JSON.stringify({ length: (await keys.sign(new Uint8Array(4))).length, ...(await keys.publicJwks()) }));`;

test.runIf(canRun)(
  'a service’s keys are encrypted for this computer; a copy is told so elsewhere (as root)',
  () => {
    const [one, other] = [computer('one'), computer('other')];
    const stateDir = mkdtempSync(join(root, 'state-'));
    const { kind, protection, ...shown } = JSON.parse(one(stateDir, MAKE).stdout);
    expect([kind, protection]).toEqual(['systemd-creds', 'os-keystore']);
    expect(JSON.parse(one(stateDir, OPEN).stdout)).toEqual({ length: 64, ...shown });
    const file = join(stateDir, 'keys.cred');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const pair = [shown.report, shown.encryption].map((key) => publicJwk.parse(key));
    expect(holdsPrivateKey(readFileSync(file), pair)).toBe(false);
    // The other computer has a host key of its own.
    expect(JSON.parse(other(mkdtempSync(join(root, 'state-')), MAKE).stdout)).toMatchObject({
      kind: 'systemd-creds',
    });
    const copied = other(stateDir, OPEN);
    expect(copied.status).not.toBe(0);
    expect(copied.stderr).toContain('cannot be decrypted here');
    expect(copied.stderr).toContain('enrol again');
  },
);
