import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serverFolder, type ServerFolder } from '../support/server-process.ts';

const root = join(import.meta.dirname, '../..');
const cli = join(root, 'src/cli/drawbridge-server.ts');
const fixtures = join(root, 'test/fixtures/baselines');
/** Debian's package distro-info-data (see test/needs.ts). */
const DISTRO_INFO = ['/usr/share/distro-info/debian.csv', '/usr/share/distro-info/ubuntu.csv'];

const work = mkdtempSync(join(tmpdir(), 'drawbridge-baseline-cli-'));
const made = join(work, 'baseline.json');
const signed = join(work, 'baseline.jws');
let folder: ServerFolder;
let other: ServerFolder;
beforeAll(() => {
  [folder, other] = [serverFolder(0), serverFolder(0)];
});
afterAll(() => {
  folder.remove();
  other.remove();
  rmSync(work, { recursive: true });
});

function baseline(...argv: string[]) {
  const done = spawnSync(process.execPath, [cli, 'baseline', ...argv], { encoding: 'utf8', timeout: 30_000 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

const today = new Date().toISOString().slice(0, 10);

describe('drawbridge-server baseline', () => {
  test('has nothing before the first start or import, and says what to do', () => {
    const { code, err } = baseline('show', '--data', folder.path);
    expect(code).toBe(4);
    expect(err).toContain('baseline import shipped');
  });

  test('converts SOFA, Microsoft’s page and the distro-info-data that is installed here', () => {
    expect(
      DISTRO_INFO.every((file) => existsSync(file)),
      'distro-info-data is not installed',
    ).toBe(true);
    const feeds = [
      '--sofa',
      join(fixtures, 'sofa-v2.json'),
      '--windows',
      join(fixtures, 'windows11-release-information.html'),
    ];
    const argv = [...feeds, '--distro-info', ...DISTRO_INFO, '--as-of', today, '--out', made];
    expect(baseline('convert', ...argv)).toMatchObject({ code: 0, err: '' });
    const { linux } = JSON.parse(readFileSync(made, 'utf8')) as {
      linux: {
        releases: { family: string; version: string; endOfSupport: string; longTermUntil: string | null }[];
      };
    };
    const find = (family: string, version: string) =>
      linux.releases.find((one) => one.family === family && one.version === version);
    expect(find('debian', '10')).toMatchObject({ endOfSupport: '2022-09-10', longTermUntil: '2024-06-30' });
    expect(find('debian', '12')?.endOfSupport).toMatch(/^2026-/);
    expect(find('ubuntu', '22.04')?.endOfSupport).toMatch(/^2027-/);
  });

  test('signs with a key of its own, which nobody else can read, and takes what it signed', () => {
    const { code, err } = baseline('sign', made, '--data', folder.path, '--out', signed);
    expect(code).toBe(0);
    const kid = /Signed by (\S{43})\./.exec(err)?.[1];
    expect(statSync(join(folder.path, 'baseline-key.jwk.json')).mode & 0o077).toBe(0);
    expect(baseline('import', signed, '--data', folder.path)).toMatchObject({ code: 0 });
    const shown = JSON.parse(baseline('show', '--json', '--data', folder.path).out) as object;
    expect(shown).toMatchObject({ date: today, signer: kid, by: 'cli', sections: expect.any(Array) });
    expect(baseline('show', '--data', folder.path).out).toContain('Complete up to');
  });

  test('another server takes it only once it knows the key; unsigned, older and http never', () => {
    const refused = baseline('import', signed, '--data', other.path);
    expect(refused.code).toBe(4);
    expect(refused.err).toContain('baseline.signers');
    expect(baseline('import', made, '--data', folder.path).err).toContain('no signed baseline');
    expect(baseline('import', 'shipped', '--data', folder.path).err).toContain('--older');
    expect(baseline('import', 'http://127.0.0.1/x', '--data', folder.path).err).toContain('https');
    expect(baseline('convert').err).toContain('at least one feed');
    const future = baseline('convert', '--distro-info', ...DISTRO_INFO, '--as-of', '2999-01-01');
    expect(future.err).toContain('future');
  });
});
