import { z } from 'zod';
import type { CheckId, Fact } from '../../collectors/specs.ts';
import type { Reading } from '../base/reading.ts';
import { cannotTell, defineRule, fail, pass, type Context } from './rule.ts';

export const tags = defineRule('tags', {
  expect: z.strictObject({
    /** Tags that have to be true, each on the systems on which the policy asks it. */
    required: z.array(z.string().max(100)).max(100).default([]),
  }),
  judge(fact, want, _now, context) {
    const required = want.required.filter((tag) => isAsked(tag, context));
    if (required.length === 0) return pass('no rules of the company’s own', 'none to meet');
    const expected = `met: ${required.join(', ')}`;
    const missing = required.filter((tag) => fact[tag] === false);
    if (missing.length > 0) return fail('tag-not-met', expected, `not met: ${missing.join(', ')}`);
    const open = required.filter((tag) => fact[tag] !== true);
    return open.length === 0
      ? pass(expected, 'as expected')
      : cannotTell(expected, `not known: ${open.map((tag) => withWhy(tag, fact)).join(', ')}`);
  },
});

/** Whether a reading leaves nothing open: of tags, each can be unknown by itself. */
export function isWhole(id: CheckId, reading: Reading<unknown>): boolean {
  if (reading.state !== 'known') return false;
  return (
    id !== 'tags' ||
    Object.values(reading.fact as Fact<'tags'>).every((answer) => typeof answer === 'boolean')
  );
}

/** One whose system is not known may be asked there, so it is not left out. */
function isAsked(tag: string, { platform, tags }: Context): boolean {
  return platform === null || tags[tag]?.[platform] !== undefined;
}

function withWhy(tag: string, fact: Fact<'tags'>): string {
  const answer = fact[tag];
  return typeof answer === 'object' ? `${tag} (${answer.unknown})` : `${tag} (not asked yet)`;
}
