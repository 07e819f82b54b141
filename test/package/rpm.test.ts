import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OLD, OUT } from './build.ts';

const FILE = join(OUT, 'packages', `drawbridge-${OLD}-1.x86_64.rpm`);

const isThere = existsSync('/usr/bin/rpm');
if (!isThere) process.stderr.write('rpm.test.ts: rpm is not installed\n');

/*
 * As far as Debian's rpm goes: what is in the package, its checksums, its files placed and removed again. Its scripts are
 * read here, and run under systemd in debian.test.ts.
 */
describe.runIf(isThere && process.getuid?.() === 0)('the .rpm', () => {
  const root = mkdtempSync(join(tmpdir(), 'drawbridge-rpm-root-'));
  const rpm = (...argv: string[]) => {
    const done = spawnSync('/usr/bin/rpm', ['--root', root, ...argv], { encoding: 'utf8' });
    return { code: done.status, out: done.stdout, err: done.stderr };
  };

  beforeAll(() => expect(rpm('--initdb').code).toBe(0));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test('is whole, and says what it needs', () => {
    expect(rpm('-K', '--nosignature', FILE).out).toContain('digests OK');
    const needs = rpm('-qp', '--requires', FILE).out;
    for (const one of ['glibc >= 2.28', 'libstdc++', 'libatomic', 'systemd']) expect(needs).toContain(one);
  });

  test('its settings are a person’s, its files root’s', () => {
    expect(rpm('-qp', '--configfiles', FILE).out.trim()).toBe('/etc/drawbridge/agent.yaml');
    const owners = rpm('-qp', '--qf', '[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]', FILE).out.trim().split('\n');
    expect(new Set(owners)).toEqual(new Set(['root:root']));
  });

  test('its scripts start and stop the service and hand the invitation over', () => {
    const scripts = rpm('-qp', '--scripts', FILE).out;
    expect(scripts).toContain('systemctl start drawbridge.service');
    expect(scripts).toContain('systemctl disable --now drawbridge.service');
    expect(scripts).toContain(`printf 'ENROLL_URL=%s\\nENROLL_TOKEN=%s\\n'`);
  });

  test('placed it runs, nothing having been stripped from it; removed it is gone', () => {
    const placed = rpm('-i', '--force-debian', '--nodeps', '--noscripts', FILE);
    expect(placed.err).toBe('');
    const executable = join(root, 'usr/lib/drawbridge/drawbridge');
    expect(statSync(executable).mode & 0o7777).toBe(0o755);
    const said = spawnSync(executable, ['--version'], { encoding: 'utf8' });
    expect(said.stdout.trim()).toBe(OLD);
    expect(rpm('-V', '--nodeps', '--noscripts', 'drawbridge').out).toBe('');
    expect(rpm('-e', '--force-debian', '--noscripts', 'drawbridge').code).toBe(0);
    expect(existsSync(executable)).toBe(false);
  });
});
