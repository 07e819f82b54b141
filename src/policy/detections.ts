import { z } from 'zod';
import { count, defineRule, fail, pass, warn } from './rule.ts';

export const detections = defineRule('detections', {
  expect: z.strictObject({
    /** OCSF severity (0 to 5) from which one detection alone is severe. */
    severeFrom: z.number().int().min(0).max(5).default(4),
  }),
  judge(fact, want) {
    const expected = 'nothing found that is not cleaned up';
    if (fact.open.length === 0) return pass(expected, 'nothing open');
    const worst = fact.open.reduce((a, b) => (b.severity > a.severity ? b : a));
    const given = `${count(fact.open.length, 'open detection')}, worst: ${worst.name ?? 'unnamed'} (severity ${worst.severity})`;
    // Only a severe detection fails: it alone is high risk, a nuisance that waits for clean-up is not.
    if (worst.severity >= want.severeFrom) return fail('detection-severe', expected, given);
    return warn('detection-open', expected, given);
  },
});
