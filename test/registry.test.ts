import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { remedies } from '../collectors/remedies.ts';
import { checkIds, specs } from '../collectors/specs.ts';
import { rules } from '../src/policy/rules.ts';

const collectors = join(import.meta.dirname, '..', 'collectors');

describe('registry of checks', () => {
  test('every folder of collectors/ is a registered check, and the reverse', () => {
    const folders = readdirSync(collectors, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map((entry) => entry.name).toSorted()).toEqual([...checkIds].toSorted());
  });

  test.each(checkIds)('%s has its own id, files, sentence and rule', (id) => {
    expect(specs[id].id).toBe(id);
    expect(existsSync(join(collectors, id, 'spec.ts'))).toBe(true);
    expect(existsSync(join(collectors, id, 'remedy.ts'))).toBe(true);
    expect(specs[id].collects).toMatch(/^[A-Z].{20,200}\.$/);
    expect(rules[id].expect.safeParse({}).success).toBe(true);
  });

  test('every reason has words, and every remedy belongs to a reason', () => {
    const reasons = checkIds.flatMap((id) => [...specs[id].reasons, `${id}-unknown`]);
    expect(Object.keys(remedies).toSorted()).toEqual(reasons.toSorted());
  });

  test.each(Object.entries(remedies))(
    '%s tells what is wrong, why, and what to do on each system',
    (_code, remedy) => {
      expect(remedy.title).toMatch(/^[A-Z][^.]*$/);
      expect(remedy.why).toMatch(/\.$/);
      for (const steps of Object.values(remedy.steps)) {
        expect(steps.length).toBeGreaterThan(0);
        for (const step of steps) expect(step).toMatch(/\.$/);
      }
    },
  );
});
