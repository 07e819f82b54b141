import { createHash } from 'node:crypto';
import { z } from 'zod';

/** UUIDv7: sorts by time, in lower case. */
export const uuid = z.uuidv7();

/** 128 random bits or more, base64url. */
export const nonce = z.string().regex(/^[A-Za-z0-9_-]{22,88}$/);

/** EAT ueid of type 0x01: one type byte and 16 random bytes, made at enrolment and derived from nothing. */
export const ueid = z.string().regex(/^A[Q-Za-f][A-Za-z0-9_-]{21}$/);

const DEVICE = 'urn:drawbridge:device:';
const SERVER = 'urn:drawbridge:server:';

export function deviceUrn(id: string): string {
  return `${DEVICE}${id}`;
}

/** A server is named by the thumbprint of its order root, so that moving it to another address changes nothing. */
export function serverUrn(orderRoot: string): string {
  return `${SERVER}${orderRoot}`;
}

/** `sha-256:<base64url>` of a text's UTF-8 bytes. */
export function digest(text: string): string {
  return `sha-256:${createHash('sha256').update(text).digest('base64url')}`;
}
