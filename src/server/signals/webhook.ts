import { createHmac, timingSafeEqual } from 'node:crypto';
import { err, ok, type Result } from '../../base/result.ts';

/*
 * Standard Webhooks 1.0.0, the receiver's side, symmetric signatures (`v1`). Written here and not taken from a
 * library because the one there is reads the system's clock by itself.
 */

/** One header each; absent is undefined. */
export type WebhookHeaders = {
  id: string | undefined;
  timestamp: string | undefined;
  signature: string | undefined;
};

/** `timestamp` in milliseconds. */
export type Webhook = { id: string; timestamp: number };

export type WebhookProblem = 'unsigned' | 'outside_window' | 'wrong_signature';

/** How far a webhook's timestamp may be from our clock, either way. */
export const TOLERANCE_MS = 300_000;

const ID = /^[A-Za-z0-9_.:-]{1,200}$/;
const MAX_SIGNATURES = 10;
const MIN_SECRET = 24;
const MAX_SECRET = 64;

/** Checks a webhook's signature over the very bytes that came. `secrets`: any of them may have signed. */
export function verifyWebhook(
  headers: WebhookHeaders,
  body: Uint8Array,
  secrets: readonly Buffer[],
  now: number,
): Result<Webhook, WebhookProblem> {
  const { id = '', timestamp = '', signature = '' } = headers;
  if (!ID.test(id) || !/^\d{1,12}$/.test(timestamp) || signature === '') return err('unsigned');
  const time = Number(timestamp) * 1_000;
  const given = signature.split(' ', MAX_SIGNATURES).flatMap((part) => /^v1,(.+)$/.exec(part)?.[1] ?? []);
  const expected = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest(),
  );
  const signed = given.some((one) => expected.some((other) => isSame(Buffer.from(one, 'base64'), other)));
  if (!signed) return err('wrong_signature');
  // Only now, so that a stranger cannot ask for our clock.
  return Math.abs(now - time) > TOLERANCE_MS ? err('outside_window') : ok({ id, timestamp: time });
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The secrets in a file: one `whsec_…` a line, two while one is replaced by the other. The error says what is wrong. */
export function parseSecrets(text: string): Result<Buffer[], string> {
  const lines = text.split('\n').flatMap((line) => line.trim() || []);
  const secrets = lines.map((line) =>
    Buffer.from(/^whsec_([A-Za-z0-9+/]+=*)$/.exec(line)?.[1] ?? '', 'base64'),
  );
  const good = secrets.every(({ length }) => length >= MIN_SECRET && length <= MAX_SECRET);
  if (good && secrets.length > 0) return ok(secrets);
  return err(`has to hold whsec_ and ${MIN_SECRET} to ${MAX_SECRET} bytes in base64, one secret a line`);
}
