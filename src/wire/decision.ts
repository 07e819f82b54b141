import { z } from 'zod';
import { isCheckId, type CheckId, type ReasonCode } from '../../collectors/specs.ts';

export const LEVELS = ['pass', 'warn', 'fail', 'unknown'] as const;

const checkId = z.custom<CheckId>((value) => typeof value === 'string' && isCheckId(value), 'not a check');
/** A code that a newer server sends is passed on as it is; people are shown its sentence. */
const reasonCode = z.string().max(60) as unknown as z.ZodType<ReasonCode | 'ok', ReasonCode | 'ok'>;

/** One check judged. `expected` and `given` are short phrases that complete "expected … , found …". */
export const verdict = z.object({
  check: checkId,
  level: z.enum(LEVELS),
  expected: z.string(),
  given: z.string(),
  reason: reasonCode,
  /** One sentence: the same in the tray, the helpdesk's view, the RADIUS log and the SIEM. */
  sentence: z.string(),
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
});

export type Decision = z.infer<typeof decision>;
