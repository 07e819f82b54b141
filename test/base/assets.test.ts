import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isPackaged, listAssets, readAsset, readAssetBytes } from '../../src/base/assets.ts';

// What an executable answers is tested with one: test/package.
test('a checkout reads its own files, by their paths below it', () => {
  const path = 'src/policy/default-policy.yaml';
  const text = readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
  expect(isPackaged).toBe(false);
  expect(readAsset(path)).toBe(text);
  expect(new TextDecoder().decode(readAssetBytes(path))).toBe(text);
});

test('a folder is listed with everything below it, in order', () => {
  const paths = listAssets('packaging/gateway/freeradius');
  expect(paths).toContain('packaging/gateway/freeradius/radiusd.conf');
  expect(paths.some((path) => path.startsWith('packaging/gateway/freeradius/sites-available/'))).toBe(true);
  expect(paths).toEqual(paths.toSorted());
});

test('what did not come with the program is an error', () => {
  expect(() => readAsset('src/policy/nothing.yaml')).toThrow('nothing.yaml');
  expect(() => listAssets('nothing')).toThrow('nothing');
});
