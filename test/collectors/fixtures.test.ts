import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runFolder } from '../conformance/run.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures');

const folders = readdirSync(fixtures, { withFileTypes: true })
  .filter((check) => check.isDirectory())
  .flatMap((check) => readdirSync(join(fixtures, check.name)).map((os) => join(check.name, os)))
  .filter((folder) => existsSync(join(fixtures, folder, 'cases.jsonl')));

describe('captured answers give the facts that they mean', async () => {
  for (const folder of folders) {
    const results = await runFolder(join(fixtures, folder));
    test.each(results)('$id: $truth', ({ outcome, why }) => {
      expect(outcome, why).toBe('pass');
    });
  }
});
