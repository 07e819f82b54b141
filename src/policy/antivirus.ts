import { z } from 'zod';
import { compareNumbered } from '../base/version-numbers.ts';
import { staleness } from './behind.ts';
import { currency, type Currency } from './currency.ts';
import {
  cannotTell,
  count,
  daysSince,
  defineRule,
  fail,
  pass,
  warn,
  type Context,
  type Finding,
} from './rule.ts';

export const antivirus = defineRule('antivirus', {
  expect: z.strictObject({
    maxDefinitionsAgeDays: z.number().int().positive().default(7),
    ...currency,
  }),
  judge(fact, want, now, context) {
    const expected = `antivirus on, definitions at most ${count(want.maxDefinitionsAgeDays, 'day')} old`;
    if (fact.products.length === 0) return fail('av-missing', expected, 'none installed');
    const active = fact.products.find((product) => product.name === fact.active);
    if (!active)
      return fail('av-inactive', expected, `${fact.products[0]?.name ?? 'antivirus'} does not protect`);
    const age = daysSince(active.definitionsAt, now);
    if (active.upToDate === false || (age !== null && age > want.maxDefinitionsAgeDays)) {
      const given = age === null ? 'definitions out of date' : `definitions ${count(age, 'day')} old`;
      return warn('av-outdated', expected, `${active.name}, ${given}`);
    }
    return behindDefinitions(active, want, now, context) ?? pass(expected, `${active.name} on`);
  },
});

type Active = { name: string; definitionsVersion: string | null };

/** Products whose definitions come out by the month have an age that says little; their version says more. */
function behindDefinitions(
  { name, definitionsVersion }: Active,
  { maxDaysBehind, baselineMaxAgeDays }: Currency,
  now: number,
  { baseline }: Context,
): Finding<'antivirus'> | null {
  const section = baseline?.antivirus;
  const newest = section?.products.find(({ product }) => product === name)?.definitions;
  if (maxDaysBehind === null || section === null || section === undefined || newest === undefined)
    return null;
  const expected = `definitions at most ${count(maxDaysBehind, 'day')} behind the newest`;
  const stale = staleness(section.asOf, baselineMaxAgeDays, now);
  if (stale !== null) return cannotTell(expected, stale.why, stale.since);
  if (definitionsVersion === null)
    return cannotTell(expected, `${name} states no version of its definitions`);
  const days = daysSince(newest.date, now) ?? 0;
  if (compareNumbered(definitionsVersion, newest.version) >= 0 || days <= maxDaysBehind) return null;
  return warn(
    'av-outdated',
    expected,
    `${name} ${definitionsVersion}, ${count(days, 'day')} behind ${newest.version}`,
  );
}
