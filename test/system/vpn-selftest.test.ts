import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openArchive } from '../../src/agent/archive.ts';
import { ip, nft } from '../../src/base/commands.ts';
import { canIsolate, inside, ipLines } from '../support/namespaces.ts';

const CLI = join(import.meta.dirname, '../../src/cli/drawbridge.ts');
const DENY = join(import.meta.dirname, '../support/deny-here.ts');
/** A network of its own: this computer's firewall and VPN are no part of it. Nothing else is shared out of it. */
const network = `dbself-${process.pid}`;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-selftest-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function vpn(...argv: string[]) {
  const command = [process.execPath, CLI, 'vpn', ...argv, '--json', '--state', join(folder, 'state')];
  const done = spawnSync(ip.path, ['netns', 'exec', network, ...command], {
    encoding: 'utf8',
    timeout: 110_000,
  });
  const document = done.stdout === '' ? {} : (JSON.parse(done.stdout) as Record<string, unknown>);
  return { code: done.status, document, err: done.stderr };
}

describe.runIf(canIsolate())('vpn selftest on Linux (needs root and nftables)', () => {
  const rules = () => inside(network, [nft.path, '-s', '-a', 'list', 'ruleset']);

  beforeEach(() => {
    ipLines([`netns add ${network}`]);
    inside(network, [nft.path, 'add', 'table', 'inet', 'mine']);
  });

  afterEach(() => ipLines([`netns del ${network}`]));

  test('denies and allows for real, leaves the firewall as it was, and writes what it saw', () => {
    const before = rules();
    const file = join(folder, 'selftest.json.gz');
    const { code, document } = vpn('selftest', '--out', file);
    expect({ code, document }).toMatchObject({ code: 0, document: { file, passed: true, differences: [] } });
    expect(document.steps).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ step: 'deny', outcome: 'as-expected' }),
        expect.objectContaining({ step: 'allow', outcome: 'as-expected' }),
      ]),
    );
    expect(rules()).toBe(before);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const archive = openArchive(readFileSync(file));
    expect(archive.ok ? archive.value.answers[0] : archive.error).toMatchObject({
      kind: 'probe',
      name: 'selftest',
    });
  });

  test('a file that cannot be written, or is there, is found out before anything is done', () => {
    const before = rules();
    expect(vpn('selftest', '--out', folder)).toMatchObject({
      code: 4,
      err: expect.stringContaining('there already'),
    });
    const nowhere = join(folder, 'no-such-folder', 'selftest.json.gz');
    expect(vpn('selftest', '--out', nowhere)).toMatchObject({
      code: 4,
      err: expect.stringContaining('--out'),
    });
    expect(rules()).toBe(before);
  });

  test('where a block holds already it is not run: nothing is written, and the block stays', () => {
    inside(network, [process.execPath, DENY, folder]);
    const before = rules();
    expect(vpn('status')).toMatchObject({ code: 0, document: { block: 'holding' } });
    const file = join(folder, 'second.json.gz');
    const { code, document } = vpn('selftest', '--out', file);
    expect({ code, document }).toMatchObject({
      code: 3,
      document: { file: null, refused: expect.stringContaining('denied now') },
    });
    expect(existsSync(file)).toBe(false);
    expect(rules()).toBe(before);
  });
});
