import { z } from 'zod';
import { uuid } from './ids.ts';

/** Things an order can act on. `device` and `features` are OpenC2's own words, the others are ours. */
export const TARGETS = [
  'x-posture:vpn',
  'features',
  'device',
  'x-posture:l2tp-server',
  'x-posture:cert',
  'command',
] as const;
export type Target = (typeof TARGETS)[number];

/** OpenC2 actions that we use; `scan features` asks for a full report now. */
export const ACTIONS = ['deny', 'allow', 'set', 'scan', 'contain', 'update', 'delete', 'cancel'] as const;
export type Action = (typeof ACTIONS)[number];

const target = z
  .partialRecord(z.enum(TARGETS), z.unknown())
  .refine((value) => Object.keys(value).length === 1, {
    message: 'an OpenC2 command has exactly one target',
  });

export const openC2Command = z.object({
  action: z.enum(ACTIONS),
  target,
  args: z
    .object({
      response_requested: z.enum(['none', 'ack', 'status', 'complete']).default('complete'),
      /** Milliseconds after which the order reverts by itself. */
      duration: z.number().int().positive().optional(),
    })
    .prefault({}),
  command_id: uuid,
});

/** Claims of an order: signed by the order key that the device pinned when it enrolled. Times are in seconds. */
export const orderClaims = z.object({
  iss: z.string(),
  /** Exactly one device. */
  aud: z.string(),
  jti: uuid,
  iat: z.number(),
  nbf: z.number(),
  exp: z.number(),
  /** Rises per target: max(last + 1, the server's milliseconds), so that a restored backup still orders. */
  oseq: z.number().int().positive(),
  cause: z.object({ jti: z.string().optional(), reason: z.string().max(500) }),
  oc2: openC2Command,
});

export type OrderClaims = z.infer<typeof orderClaims>;

export function targetOf(claims: OrderClaims): Target {
  return Object.keys(claims.oc2.target)[0] as Target;
}

/** OpenC2 status codes: what a receipt can say. */
export const STATUS = {
  processing: 102,
  done: 200,
  malformed: 400,
  refused: 403,
  notFound: 404,
  failed: 500,
  notImplemented: 501,
  busy: 503,
} as const;

/** Why an order was not carried out, in `status_text`. */
export type OrderRefusal = 'expired' | 'superseded' | 'foreign' | 'not-implemented' | 'not-allowed';

/** Claims of a receipt: signed by the device's report key, so that it outlives the connection. */
export const receiptClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  jti: uuid,
  request_id: uuid,
  phase: z.enum(['received', 'deferred', 'complete']),
  oc2: z.object({
    status: z.number().int(),
    status_text: z.string().max(500),
    /** What was observed before and after. */
    results: z.record(z.string(), z.unknown()).default({}),
  }),
});

export type ReceiptClaims = z.infer<typeof receiptClaims>;
