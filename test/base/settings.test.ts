import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { nearest, parseSettings, showProblems } from '../../src/base/settings.ts';

const schema = z.strictObject({
  server: z.strictObject({ url: z.url(), caFile: z.string().optional() }),
  level: z.enum(['debug', 'info', 'warn']).default('info'),
  every: z.number().min(5).default(30),
});

const problems = (text: string) => {
  const parsed = parseSettings(text, schema);
  return parsed.ok ? [] : parsed.error;
};

describe('parseSettings', () => {
  test('fills in defaults', () => {
    expect(parseSettings('server: { url: "https://a.example" }', schema)).toEqual({
      ok: true,
      value: { server: { url: 'https://a.example' }, level: 'info', every: 30 },
    });
  });

  test('names a wrong key with its place and the nearest valid one', () => {
    expect(problems('level: info\nserver:\n  url: https://a.example\n  cafile: /x\n')).toEqual([
      {
        line: 4,
        column: 3,
        key: 'server.cafile',
        message: 'unknown setting "cafile"; did you mean "caFile"?',
      },
    ]);
  });

  test('lists what is known where nothing is near', () => {
    expect(problems('server: { url: "https://a.example" }\nzzzzzzzz: 1')[0]?.message).toBe(
      'unknown setting "zzzzzzzz"; known here: server, level, every',
    );
  });

  test('names a wrong value with its place and the nearest valid one', () => {
    const [problem] = problems('server: { url: "https://a.example" }\nlevel: debgu\n');
    expect(problem).toMatchObject({ line: 2, column: 1, key: 'level' });
    expect(problem?.message).toContain('did you mean "debug"?');
  });

  test('points at the parent of what is missing', () => {
    expect(problems('level: info\nserver: {}\n')[0]).toMatchObject({ line: 2, key: 'server.url' });
  });

  test('names every problem, not only the first', () => {
    expect(problems('levl: info\nevery: 1\n').map(({ key }) => key)).toEqual(
      expect.arrayContaining(['levl', 'every', 'server']),
    );
  });

  test('refuses broken YAML, duplicate keys, aliases and huge files with a place', () => {
    expect(problems('server: {')[0]?.line).toBeGreaterThan(0);
    expect(problems('level: info\nlevel: warn\n')[0]).toMatchObject({ line: 2 });
    expect(problems(`level: ${'x'.repeat(1_100_000)}`)[0]?.message).toContain('1 MiB');
    expect(problems('a: &a [1, 2]\nb: [*a, *a]\n').length).toBeGreaterThan(0);
  });

  test('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (text) => {
        const parsed = parseSettings(text, schema);
        return parsed.ok || parsed.error.length > 0;
      }),
    );
  });
});

test('nearest finds a slip of the finger and nothing far', () => {
  expect(nearest('wieght', ['weight', 'width'])).toBe('weight');
  expect(nearest('colour', ['weight', 'width'])).toBeNull();
});

test('showProblems prints one line a problem, as compilers do', () => {
  expect(showProblems('p.yaml', [{ line: 3, column: 5, key: 'a', message: 'wrong' }])).toBe(
    'p.yaml:3:5: wrong',
  );
});
