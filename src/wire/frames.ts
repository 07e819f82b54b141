import { z } from 'zod';
import { certificateRefused } from './certificate.ts';
import { decision } from './decision.ts';
import { nonce, uuid } from './ids.ts';

/** Bytes of one frame, either way. A full report is 5 to 20 kB. */
export const MAX_FRAME = 262_144;

const jws = z.string().max(MAX_FRAME);
const seq = z.number().int().nonnegative();
const ms = z.number();

/** Opens a connection: the nonce that the session frame has to carry. `now` is in milliseconds. */
const hello = z.object({
  t: z.literal('hello'),
  aud: z.string(),
  nonce,
  now: ms,
  versions: z.object({ oldest: z.number().int(), current: z.number().int() }),
  max_frame: z.number().int().positive(),
});

const welcome = z.object({
  t: z.literal('welcome'),
  version: z.number().int(),
  now: ms,
  nonce,
  /** The next report has to carry a higher `seq` than this. */
  seq_min: seq,
  heartbeat_s: z.number().positive(),
  full_s: z.number().positive(),
  /** Frames beyond the first version's that this server takes. */
  takes: z.array(z.string().max(30)).max(100).default([]),
});

const ack = z.object({
  t: z.literal('ack'),
  id: uuid,
  seq,
  /** Digest of the JWS as received: what the next delta builds on. */
  dig: z.string(),
  nonce,
  now: ms,
  decision: decision.nullable(),
});

const nack = z.object({
  t: z.literal('nack'),
  id: z.string().nullable(),
  err: z.string().max(60),
  hint: z.string().max(500),
  /** The nonce for the next try, where the connection lives on. */
  nonce: nonce.nullable(),
  now: ms,
  seq_min: seq.nullable(),
});

/** Asks for a report now: `full` reads everything again. */
const challenge = z.object({
  t: z.literal('challenge'),
  nonce,
  now: ms,
  want: z.enum(['full', 'heartbeat']),
  deadline_s: z.number(),
});
const orderFrame = z.object({ t: z.literal('order'), jws });
const policyFrame = z.object({ t: z.literal('policy'), jws });
const decisionFrame = z.object({ t: z.literal('decision'), decision });
const certificateFrame = z.object({ t: z.literal('certificate'), jws });
const credentialFrame = z.object({ t: z.literal('credential'), jws });
const receiptAck = z.object({ t: z.literal('receipt-ack'), id: uuid });
/** Until when reminders are put off; null where there is nothing to put off. */
const snoozed = z.object({ t: z.literal('snoozed'), until: z.iso.datetime().nullable() });
/** The last word before the server closes. */
const bye = z.object({ t: z.literal('bye'), err: z.string().max(60), hint: z.string().max(500) });

export const serverFrame = z.discriminatedUnion('t', [
  hello,
  welcome,
  ack,
  nack,
  challenge,
  orderFrame,
  policyFrame,
  decisionFrame,
  receiptAck,
  snoozed,
  certificateFrame,
  certificateRefused,
  credentialFrame,
  bye,
]);
export type ServerFrame = z.infer<typeof serverFrame>;
export type Welcome = z.infer<typeof welcome>;
export type Ack = z.infer<typeof ack>;
export type Nack = z.infer<typeof nack>;

const session = z.object({ t: z.literal('session'), jws });
const report = z.object({ t: z.literal('report'), jws });
const receipt = z.object({ t: z.literal('receipt'), jws });
/** The user wants reminders of deadlines put off; only to a server that says it takes this. */
const snooze = z.object({ t: z.literal('snooze'), seconds: z.number().int().min(1).max(86_400) });
const csr = z.object({ t: z.literal('csr'), jws });
/** The device dials with this VPN credential from now on. */
const credentialAck = z.object({ t: z.literal('credential-ack'), generation: seq, epoch: seq });

export const agentFrame = z.discriminatedUnion('t', [session, report, receipt, snooze, csr, credentialAck]);
export type AgentFrame = z.infer<typeof agentFrame>;

/** A frame's text, or null when it is too large, not JSON, or of a kind or shape that we do not know. */
export function parseFrame<S extends z.ZodType>(schema: S, text: string): z.output<S> | null {
  if (text.length > MAX_FRAME) return null;
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/**
 * The same frames over HTTPS where a proxy blocks WebSocket, `POST /v1/link`. The first request has no `link`; the
 * answer names one. The server holds a request without frames for up to 20 s until it has something to say.
 */
export const linkRequest = z.object({ link: nonce.nullable(), frames: z.array(agentFrame).max(16) });
export const linkResponse = z.object({
  link: nonce,
  frames: z.array(serverFrame).max(64),
  closed: z.boolean(),
});
