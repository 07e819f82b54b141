import { beforeAll, expect, test } from 'vitest';
import { theRig } from './each.ts';
import { type Choose, CrashRounds, type Round, spread } from './vpn-crash.ts';

/** `npm run bench -- failpoints` tries all of them. */
const POINTS: Record<string, number> = { denied: 8, set: 8, 'set and up': 2, allowed: 2 };

const evenly: Choose = (scenario) => {
  const wanted = POINTS[scenario];
  return wanted === undefined ? null : (count) => spread(count, wanted);
};

let rounds: CrashRounds;

beforeAll(async () => {
  rounds = await CrashRounds.start(theRig());
}, 400_000);

test('killed with -9 at twenty places, a denial is completed and a change is whole or undone', async () => {
  const done: Round[] = [];
  for await (const round of rounds.run(evenly)) done.push(round);
  expect(done.filter(({ violations }) => violations.length > 0)).toEqual([]);
  expect(done.length).toBeGreaterThanOrEqual(20);
  expect((await rounds.travelled()).esp).toBeGreaterThan(0);
}, 900_000);
