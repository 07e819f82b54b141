import { z } from 'zod';
import type { Fact } from '../../collectors/specs.ts';
import { compareNumbered } from '../base/version-numbers.ts';
import { endOfSupport, staleness, SUPPORT } from './behind.ts';
import { behindFinding, currency } from './currency.ts';
import { cannotTell, defineRule, fail, pass, type Context, type Finding } from './rule.ts';

const expect = z.strictObject({
  /** Whether a system past its end of support fails: by its own word, else by the baseline's. */
  supported: z.boolean().default(true),
  /** Whose support of a Linux distribution counts; `paid` is ESM and the like. */
  support: z.enum(SUPPORT).default('long-term'),
  /** Whether a system of whose end of support nobody knows is unknown instead of fine. */
  supportKnown: z.boolean().default(false),
  /** The oldest version of each family (windows-client, macos, debian, …). */
  minimum: z
    .record(
      z.string().max(40),
      z.string().regex(/^\d{1,10}(?:\.\d{1,10}){0,5}$/, 'has to be a version such as 14.7'),
    )
    .default({}),
  ...currency,
});

type Want = z.output<typeof expect>;

export const osVersion = defineRule('os-version', {
  expect,
  judge(fact, want, now, context) {
    return (
      unsupported(fact, want, now, context) ??
      tooOld(fact, want) ??
      behindFinding(fact, want, now, context, 'os-behind') ??
      supportUnknown(fact, want, now, context) ??
      pass('a system that still gets updates', nameOf(fact))
    );
  },
});

type Judged = Finding<'os-version'> | null;

function unsupported(fact: Fact<'os-version'>, want: Want, now: number, { baseline }: Context): Judged {
  const ends = endOfSupport(fact, baseline, want.support);
  if (!want.supported || ends === null || Date.parse(ends) >= now) return null;
  return fail(
    'os-end-of-life',
    'a system that still gets updates',
    `${nameOf(fact)}, supported until ${ends}`,
  );
}

function tooOld(fact: Fact<'os-version'>, want: Want): Judged {
  const minimum = Object.hasOwn(want.minimum, fact.family) ? want.minimum[fact.family] : undefined;
  if (minimum === undefined) return null;
  const expected = `${fact.family} ${minimum} or newer`;
  if (fact.version === null) return cannotTell(expected, `${nameOf(fact)}, which states no version`);
  return compareNumbered(fact.version, minimum) < 0 ? fail('os-too-old', expected, fact.version) : null;
}

function supportUnknown(fact: Fact<'os-version'>, want: Want, now: number, { baseline }: Context): Judged {
  if (!want.supported || !want.supportKnown || fact.endOfSupport !== null) return null;
  const section = baseline?.[fact.platform] ?? null;
  const stale = section === null ? null : staleness(section.asOf, want.baselineMaxAgeDays, now);
  if (stale !== null) return cannotTell('a system that still gets updates', stale.why, stale.since);
  if (endOfSupport(fact, baseline, want.support) !== null) return null;
  return cannotTell(
    'a system that still gets updates',
    `${nameOf(fact)}, of whose support nobody knows the end`,
  );
}

function nameOf(fact: Fact<'os-version'>): string {
  return fact.display ?? fact.name ?? fact.family;
}
