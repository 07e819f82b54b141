import { z } from 'zod';
import type { Platform } from '../../collectors/check.ts';
import { checkIds } from '../../collectors/specs.ts';
import { err, ok, type Result } from '../base/result.ts';
import { isJudgedId, MODES, type JudgedId } from '../wire/decision.ts';
import { FIX_IDS } from '../wire/tray.ts';
import type { Baseline } from './baseline.ts';
import { baselineSchema } from './baseline-schema.ts';
import { checkTimes } from './check-times.ts';
import { knownExpressions } from './expressions-schema.ts';
import type { Policy } from './policy.ts';
import { policySchema } from './policy-schema.ts';
import { withOwnQuestions } from './questions.ts';
import { knownTags, watchSchema } from './questions-schema.ts';

const time = z.number().int().nonnegative();

/** When checks that fail or warn began to, as the server has followed them (milliseconds): deadlines count from here. */
const courses = z
  .record(
    z.string(),
    z.strictObject({ since: time, failedAt: time.nullable(), spent: z.boolean().default(false) }),
  )
  .transform(
    (all) =>
      Object.fromEntries(Object.entries(all).filter(([id]) => isJudgedId(id))) as Partial<
        Record<JudgedId, { since: number; failedAt: number | null; spent: boolean }>
      >,
  );

/** Checks that are not named are not judged. */
const checks = z
  // No `z.preprocess`: it would be the first of its kind (check-times.ts).
  .unknown()
  .optional()
  .transform((given) => (typeof given === 'object' && given !== null ? { ...allOff(), ...given } : given))
  .pipe(policySchema.shape.checks);

/** Those that only a newer agent knows are not offered. */
const fixes = z
  .array(z.string().max(60))
  .max(100)
  .transform((all) => FIX_IDS.filter((id) => all.includes(id)));

const compiledPolicy = z.strictObject({
  version: policySchema.shape.version,
  name: policySchema.shape.name,
  risk: policySchema.shape.risk,
  /** Null from a server that does not say it. */
  access: policySchema.shape.access.nullable().default(null),
  fixes: fixes.default([]),
  standing: policySchema.shape.standing,
  isolation: policySchema.shape.isolation,
  checks,
  expressions: knownExpressions.default([]),
  watch: watchSchema.default({}),
  tags: knownTags.default({}),
  baseline: baselineSchema.nullable().default(null),
  mode: z.enum(MODES).default('enforce'),
  courses: courses.default({}),
  unknownSince: checkTimes.default({}),
});

/**
 * What one device is given, so that it can judge itself while the server is away: the checks that are judged, what
 * it does by itself, and its own deadlines. No groups, no people, nobody else's device.
 */
export type CompiledPolicy = z.infer<typeof compiledPolicy>;

/** What is peculiar to one device. */
export type Personal = Pick<CompiledPolicy, 'mode' | 'courses' | 'unknownSince'> & {
  /** Its system; where that is not known it gets every system's questions, and asks its own. */
  platform?: Platform | null;
  /** What of the baseline concerns it; see `baselineFor`. */
  baseline?: Baseline | null;
  /** Whether the server holds back what the device's risk would mean: then it cuts nothing by itself either. */
  held: boolean;
};

export function compile(policy: Policy, personal: Personal) {
  const { version, name, risk, access, fixes: offered, standing, isolation } = policy;
  const { mode, courses: followed, unknownSince: unknown, held, platform = null, baseline = null } = personal;
  const { watch, tags } = platform === null ? policy : withOwnQuestions(policy, platform);
  const judged = checkIds.filter((id) => policy.checks[id].weight > 0 || policy.checks[id].required);
  return {
    version,
    name,
    risk,
    access,
    fixes: offered,
    standing: mode === 'enforce' && !held ? standing : { ...standing, deny: 'never' as const },
    isolation,
    expressions: policy.expressions,
    watch,
    tags,
    baseline,
    checks: Object.fromEntries(judged.map((id) => [id, policy.checks[id]])),
    mode,
    courses: followed,
    unknownSince: unknown,
  };
}

const MOST_UNKNOWN = 100;

/** Reads a compiled policy. Settings that only a newer server knows are left out: agents are updated after it. */
export function parseCompiled(body: unknown): Result<CompiledPolicy, string> {
  const rest: unknown = structuredClone(body);
  for (let round = 0; round < MOST_UNKNOWN; round += 1) {
    const parsed = compiledPolicy.safeParse(rest);
    if (parsed.success) return ok(parsed.data);
    const strange = parsed.error.issues.filter((issue) => issue.code === 'unrecognized_keys');
    if (strange.length < parsed.error.issues.length) break;
    for (const { path, keys } of strange) leaveOut(rest, path, keys);
  }
  return err('malformed');
}

function leaveOut(body: unknown, path: readonly PropertyKey[], keys: readonly string[]): void {
  const place = path.reduce<unknown>(
    (at, key) => (isRecord(at) ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    body,
  );
  if (isRecord(place)) for (const key of keys) delete place[key];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function allOff(): Record<string, unknown> {
  return Object.fromEntries(checkIds.map((id) => [id, { weight: 0 }]));
}
