import { describe, expect, test } from 'vitest';
import { countsOf, crashedIn, failedIn, replaced, skippedIn, type FileReport } from './reports.ts';

const outcome = (fullName: string, status: string, ...failureMessages: string[]) => ({
  fullName,
  status,
  failureMessages,
});
const passing = (name: string): FileReport => ({
  name,
  status: 'passed',
  message: '',
  assertionResults: [outcome('holds', 'passed'), outcome('is not for here', 'skipped')],
});
const failing = (name: string, ...failures: string[]): FileReport => ({
  name,
  status: 'failed',
  message: '',
  assertionResults: [
    outcome('holds', 'passed'),
    ...failures.map((text, at) => outcome(`fails ${at}`, 'failed', text)),
  ],
});
const CRASH = 'Error: wineserver crashed, please enable coredumps (before or during cmd)';

test('tests are counted and named, those that failed with the first line of why', () => {
  const files = [
    passing('/p/a.test.ts'),
    failing('/p/b.test.ts', '\u{1b}[31mnot so\u{1b}[39m\n  at b.test.ts:3'),
  ];
  expect(countsOf(files)).toEqual({ passed: 2, failed: 1, skipped: 1 });
  expect(skippedIn(files)).toEqual(['is not for here']);
  expect(failedIn(files, '/p')).toEqual(['b.test.ts: fails 0: not so']);
});

test('a file that could not be run is a failure of its own', () => {
  const file = {
    name: '/p/c.test.ts',
    status: 'failed',
    message: 'no such module\nat',
    assertionResults: [],
  };
  expect(failedIn([file], '/p')).toEqual(['c.test.ts: no such module']);
});

describe('where the server of Wine crashed', () => {
  test('the file is one to run again, whatever else failed in it', () => {
    const files = [failing('/p/a.test.ts', 'not so'), failing('/p/w.test.ts', 'code null', CRASH)];
    expect(crashedIn(files)).toEqual(['/p/w.test.ts']);
  });

  test('before any test, too', () => {
    const file = { name: '/p/w.test.ts', status: 'failed', message: CRASH, assertionResults: [] };
    expect(crashedIn([file])).toEqual(['/p/w.test.ts']);
  });

  test('the second run counts, and only for that file', () => {
    const first = [failing('/p/a.test.ts', 'not so'), failing('/p/w.test.ts', CRASH)];
    expect(countsOf(replaced(first, [passing('/p/w.test.ts')]))).toEqual({
      passed: 2,
      failed: 1,
      skipped: 1,
    });
    expect(replaced(first, [])).toEqual(first);
  });
});

test('any other failure is no reason to run a file again', () => {
  expect(crashedIn([passing('/p/a.test.ts'), failing('/p/b.test.ts', 'expected 1 to be 2')])).toEqual([]);
});
