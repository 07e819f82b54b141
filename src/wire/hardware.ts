import { createHash } from 'node:crypto';
import { z } from 'zod';

/** How a computer's own numbers are named to a server: by kind, and hashed, so that nobody reads them there. */
export const hardwareId = z.string().regex(/^(serial|uuid):[0-9a-f]{64}$/);

export type HardwareKind = 'serial' | 'uuid';

/** What firmware says that was given no number. */
const NO_NUMBER =
  /^(0+|f+|x+|none|n\/a|unknown|default string|not (specified|applicable|available)|to be filled by o\.?e\.?m\.?|system serial number|chassis serial number|invalid|oem|123456789)$/i;

/** Firmware that its maker never gave an id, and the zeros and ones of an empty field. */
const NO_UUID =
  /^(03000200-0400-0500-0006-000700080009|(0{8}|f{8})-(0{4}|f{4})-(0{4}|f{4})-(0{4}|f{4})-(0{12}|f{12}))$/i;

/**
 * The id of a serial number or an SMBIOS UUID as it is written on the box: case and spaces around it do not count.
 * Null for what stands there when there is none.
 */
export function hardwareIdOf(kind: HardwareKind, value: string): string | null {
  const text = value.trim().toUpperCase();
  if (text.length < 4 || text.length > 100 || NO_NUMBER.test(text) || NO_UUID.test(text)) return null;
  return `${kind}:${createHash('sha256').update(`drawbridge hardware ${kind}\0${text}`).digest('hex')}`;
}
