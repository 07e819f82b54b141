import { expect, test } from 'vitest';
import { noted, type DaysState } from '../../src/agent/tray-days.ts';
import type { Coloured } from '../../src/wire/tray.ts';

const DAY_MS = 86_400_000;
const green: Coloured = { colour: 'green', because: 'good' };
const amber: Coloured = { colour: 'amber', because: 'deadline' };

test('only changes are noted, and starting is none', () => {
  const first = noted([], green, 1);
  expect(noted(first, green, 2)).toBe(first);
  expect(noted(first, { colour: 'grey', because: 'starting' }, 2)).toBe(first);
  expect(noted(first, amber, 2)).toEqual([
    { at: 1, ...green },
    { at: 2, ...amber },
  ]);
});

test('two weeks are kept, with what the first of them began with, and two hundred changes at most', () => {
  const old: DaysState = [
    { at: 0, ...amber },
    { at: DAY_MS, ...green },
    { at: 20 * DAY_MS, ...amber },
  ];
  expect(noted(old, green, 21 * DAY_MS).map(({ at }) => at / DAY_MS)).toEqual([1, 20, 21]);
  let days: DaysState = [];
  for (let at = 0; at < 500; at += 1) days = noted(days, at % 2 === 0 ? green : amber, at);
  expect([days.length, days.at(-1)?.at]).toEqual([200, 499]);
});
