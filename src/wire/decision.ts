import { z } from 'zod';
import { isCheckId, type CheckId, type ReasonCode } from '../../collectors/specs.ts';

export const LEVELS = ['pass', 'warn', 'fail', 'unknown'] as const;

export type ExpressionId = `expression:${string}`;
/** What can be judged: a check, or an expression of the policy. */
export type JudgedId = CheckId | ExpressionId;

export function isJudgedId(value: string): value is JudgedId {
  return isCheckId(value) || /^expression:[a-z0-9][a-z0-9-]{0,39}$/.test(value);
}

export const judgedId = z.custom<JudgedId>(
  (value) => typeof value === 'string' && isJudgedId(value),
  'not a check',
);
/** A code that a newer server sends is passed on as it is; people are shown its sentence. */
export const reasonCode = z.string().max(60) as unknown as z.ZodType<ReasonCode | 'ok', ReasonCode | 'ok'>;

/** One check judged. `expected` and `given` are short phrases that complete "expected … , found …". */
export const verdict = z.object({
  check: judgedId,
  level: z.enum(LEVELS),
  expected: z.string(),
  given: z.string(),
  reason: reasonCode,
  /** What it adds to the risk's score. */
  points: z.number().int().min(0).max(100).default(0),
  /** One sentence: the same in the tray, the helpdesk's view, the RADIUS log and the SIEM. */
  sentence: z.string(),
  /** Since when it is not as expected; null where it is, or where nobody has followed it. ISO 8601, UTC. */
  since: z.iso.datetime().nullable().default(null),
  /** When its grace ends, or has ended: until then it counts for less. Null where it has none. */
  until: z.iso.datetime().nullable().default(null),
});

export type Verdict = z.infer<typeof verdict>;
export type Level = Verdict['level'];

export const RISK_LEVELS = ['low', 'medium', 'high'] as const;
export type RiskLevel = (typeof RISK_LEVELS)[number];

/** `score` is 0 to 100; `level` follows from the policy's thresholds and floors. */
export const risk = z.object({ score: z.number().int().min(0).max(100), level: z.enum(RISK_LEVELS) });

export type Risk = z.infer<typeof risk>;

/**
 * From the least strict. `restrict` is a session with less in reach, `quarantine` one that reaches nothing but what
 * helps to mend the device, `deny` none.
 */
export const ACCESS = ['allow', 'restrict', 'quarantine', 'deny'] as const;
export type Access = (typeof ACCESS)[number];

/**
 * How much of a policy is put in force for a device.
 * - `observe`: everything is judged and on record; nothing is cut, and the user is told nothing
 * - `warn`: the user is told what is wrong and by when; nothing is cut
 * - `enforce`: risk decides what the device may do
 */
export const MODES = ['observe', 'warn', 'enforce'] as const;
export type Mode = (typeof MODES)[number];

/**
 * What can hold back the access that risk asks for.
 * - `steady`: it became worse only just now, and may be a flap
 * - `breaker`: too many devices would lose access at once, and nobody has confirmed it yet
 * - `mode`: the policy is only observed, or only warns
 * - `break-glass`: an administrator lets this device in for a while, whatever its state
 */
export const HELD = ['steady', 'breaker', 'mode', 'break-glass'] as const;
export type Held = (typeof HELD)[number];

/** What the server has decided about a device. */
export const decision = z.object({
  access: z.enum(ACCESS),
  risk,
  /** The one code to act on; `ok` where nothing is wrong. */
  reason: reasonCode,
  sentence: z.string(),
  /** When this access began, and until when it holds if nothing more is heard; ISO 8601, UTC. */
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  /** The policy's version that it rests on. */
  policy: z.string(),
  mode: z.enum(MODES).default('enforce'),
  /** What risk asks for, and what holds that back; null where nothing does. */
  would: z.enum(ACCESS).nullable().default(null),
  held: z.enum(HELD).nullable().default(null),
  /** The next moment at which a grace ends, and when the user was last to be reminded of it. */
  deadline: z.iso.datetime().nullable().default(null),
  remindedAt: z.iso.datetime().nullable().default(null),
  /** Until when the user has put reminders off, where they have. */
  snoozedUntil: z.iso.datetime().nullable().default(null),
});

export type Decision = z.infer<typeof decision>;
