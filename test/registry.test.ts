import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { remedies } from '../collectors/remedies.ts';
import type { Remedy } from '../collectors/check.ts';
import { words } from '../collectors/words.ts';
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

  const all = Object.entries(words).flatMap(([language, { remedies: texts }]) =>
    Object.entries(texts).map(([code, remedy]): [string, string, Remedy] => [language, code, remedy]),
  );

  test.each(all)(
    '%s, %s: what is wrong, the one thing to do, why, and steps for each system',
    (_language, _code, remedy) => {
      expect(remedy.title).toMatch(/^[A-ZÄÖÜ][^.]*$/);
      expect(remedy.action).toMatch(/^[A-ZÄÖÜ][^.]*$/);
      expect(remedy.action).not.toBe(remedy.title);
      expect(remedy.why).toMatch(/\.$/);
      for (const steps of Object.values(remedy.steps)) {
        expect(steps.length).toBeGreaterThan(0);
        expect(steps.length).toBeLessThanOrEqual(5);
        for (const step of steps) expect(step).toMatch(/\.$/);
      }
    },
  );

  test.each(Object.entries(remedies))(
    '%s has as many steps in every language, for the same systems',
    (code, english) => {
      const shape = ({ steps }: Remedy) =>
        Object.entries(steps)
          .map(([system, list]) => `${system} ${list.length}`)
          .toSorted();
      for (const { remedies: texts } of Object.values(words))
        expect(shape(texts[code as keyof typeof texts])).toEqual(shape(english));
    },
  );

  test.each(checkIds)('%s is called by a name and explained in every language', (id) => {
    const texts = Object.values(words).map(({ checks }) => checks[id]);
    expect(new Set(texts.map(({ collects }) => collects)).size).toBe(texts.length);
    for (const { name, collects } of texts) {
      expect(name).toMatch(/^[A-Z]/);
      expect(collects).toMatch(/^[A-Z].{20,250}\.$/);
    }
  });

  const blaming = /non-compliant|violat|must\b|immediately|nicht konform|sofort\b(?!“)|müssen|verstoß/i;
  test.each(all)('%s, %s blames and threatens nobody', (_language, _code, { title, action, why }) => {
    for (const text of [title, action, why]) expect(text).not.toMatch(blaming);
  });
});
