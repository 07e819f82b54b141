import { hash, timingSafeEqual } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';

/** `<id>.<secret>.<thumbprint of the server's order root>`: what an administrator hands to a device. */
export type EnrolmentToken = { id: string; secret: string; orderRoot: string };

const FORM = /^([A-Za-z0-9_-]{8,40})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

export function parseToken(text: string): Result<EnrolmentToken, string> {
  const match = FORM.exec(text.trim());
  const [, id, secret, orderRoot] = match ?? [];
  if (id === undefined || secret === undefined || orderRoot === undefined) {
    return err('This is not an enrolment token. It has three parts separated by dots; copy it whole.');
  }
  return ok({ id, secret, orderRoot });
}

export function formatToken(token: EnrolmentToken): string {
  return `${token.id}.${token.secret}.${token.orderRoot}`;
}

/** What the server keeps of a secret: SHA-256, hex. The secret has 128 random bits, so a slow hash adds nothing. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/** Compares in constant time. */
export function sameHash(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
