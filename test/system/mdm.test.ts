import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parsePlist } from '../../collectors/macos-plist.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'drawbridge-mdm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, argv: readonly string[], cwd = folder) {
  const { status, stdout, stderr } = spawnSync(command, argv, { cwd, encoding: 'utf8', timeout: 60_000 });
  return { status, stdout, stderr };
}

const generate = (...argv: string[]) =>
  run(process.execPath, [join(root, 'packaging/mdm/main.ts'), ...argv], root);

describe('npm run mdm', () => {
  const out = join(folder, 'out');
  const values = join(folder, 'fleet.yaml');
  const profile = join(out, 'macos/drawbridge-settings.mobileconfig');

  test('makes files that only their owner can read, and names them', () => {
    writeFileSync(values, 'vpn: { allowedGateways: [vpn.example.org] }\n');
    mkdirSync(join(out, 'macos'), { recursive: true });
    writeFileSync(profile, 'of before', { mode: 0o644 });
    writeFileSync(join(out, 'somebody’s own'), '');
    const { status, stdout } = generate('--out', out, '--values', values, '--team', 'ABCDE12345');
    expect(status).toBe(0);
    expect(stdout).toContain('drawbridge-settings.mobileconfig');
    expect(existsSync(join(out, 'somebody’s own'))).toBe(true);
    expect(stdout).not.toContain('Without --team');
    expect((statSync(profile).mode & 0o777).toString(8)).toBe('600');
    expect(readFileSync(profile, 'utf8')).toContain('vpn.example.org');
    expect(readFileSync(join(out, 'ansible/roles/drawbridge/tasks/main.yaml'), 'utf8')).toContain('no_log');
    const attribute = run('/bin/sh', [join(out, 'jamf/extension-attribute.sh')]);
    expect(attribute).toMatchObject({ status: 0, stdout: '<result>not installed</result>\n' });
  });

  test('says what is wrong with the values, and makes nothing', () => {
    writeFileSync(values, 'vpn: { mode: sometimes }\n');
    const { status, stderr } = generate('--out', join(folder, 'none'), '--values', values);
    expect(status).toBe(1);
    expect(stderr).toContain('vpn.mode: has to be one of auto, enforce, observe, given "sometimes"');
    expect(() => statSync(join(folder, 'none'))).toThrow('ENOENT');
    expect(generate('--team', 'x').status).not.toBe(0);
    expect(generate('--values', join(folder, 'missing')).stderr).toContain('cannot be read');
  });

  test('a profile is signed by openssl as the documentation says, and is the same inside', () => {
    const documented =
      /^openssl smime -sign .*$/m.exec(readFileSync(join(root, 'docs/mdm.md'), 'utf8'))?.[0] ?? '';
    const request =
      'req -x509 -newkey rsa:2048 -nodes -subj /CN=drawbridge -days 1 -keyout key.pem -out certificate.pem';
    const made = run('/usr/bin/openssl', request.split(' '));
    expect(made.status).toBe(0);
    writeFileSync(join(folder, 'chain.pem'), readFileSync(join(folder, 'certificate.pem')));
    writeFileSync(join(folder, 'drawbridge-settings.mobileconfig'), readFileSync(profile));
    const [command = '', ...argv] = documented.split(' ');
    expect(run(`/usr/bin/${command}`, argv)).toMatchObject({ status: 0, stderr: '' });
    const verify = [
      'smime',
      '-verify',
      '-inform',
      'der',
      '-in',
      'signed.mobileconfig',
      '-CAfile',
      'certificate.pem',
    ];
    const inside = run('/usr/bin/openssl', verify);
    expect(inside.stderr).toContain('Verification successful');
    expect(parsePlist(inside.stdout)).toEqual(parsePlist(readFileSync(profile, 'utf8')));
  });
});
