import { z } from 'zod';

/** What a gateway says, by attribute: in lower case with underscores, such as `user_name`. Values are not decoded. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

/** Longer than any attribute of RADIUS. */
const text = z.string().max(1_024);
const MAX_ATTRIBUTES = 300;

/**
 * A field of our own FreeRADIUS template (`"user_name": "anna"`), or of its stock `body = 'json'`, which has every
 * attribute of the request (`"User-Name": {"type": "string", "value": ["anna"]}`).
 */
const field = z.union([text, z.object({ value: z.array(z.union([text, z.number()])).max(100) })]);

/** The body of what FreeRADIUS asks and tells. */
export const gatewayBody = z
  .record(z.string().max(100), field)
  .refine((fields) => Object.keys(fields).length <= MAX_ATTRIBUTES);

/** Short names that our template uses. */
const ALIASES: Record<string, string> = {
  nas_ip: 'nas_ip_address',
  packet_src_ip: 'packet_src_ip_address',
};

/** Reads either body; null when it is neither. The text was decoded as latin1. */
export function parseAttributes(parsed: unknown): Attributes | null {
  const fields = gatewayBody.safeParse(parsed);
  if (!fields.success) return null;
  return new Map(Object.entries(fields.data).map(([name, value]) => [plainName(name), valuesOf(value)]));
}

function plainName(name: string): string {
  const plain = name.toLowerCase().replaceAll('-', '_');
  return ALIASES[plain] ?? plain;
}

function valuesOf(value: z.output<typeof field>): string[] {
  return typeof value === 'string' ? [value] : value.value.map(String);
}

/** The first value as text, '' where there is none. FreeRADIUS writes each byte from 0x80 as one character. */
export function textOf(attributes: Attributes, name: string): string {
  return Buffer.from(attributes.get(name)?.[0] ?? '', 'latin1').toString('utf8');
}

/** All values of an attribute of bytes, as text: a template prints it as `0x…`, the stock body as it is. */
export function octetsOf(attributes: Attributes, name: string): string[] {
  return (attributes.get(name) ?? []).map((value) =>
    /^0x(?:[0-9a-f]{2})+$/i.test(value) ? Buffer.from(value.slice(2), 'hex').toString('latin1') : value,
  );
}

/** A number that counts something; null where there is none. */
export function numberOf(attributes: Attributes, name: string): number | null {
  const value = attributes.get(name)?.[0] ?? '';
  if (!/^\d{1,15}$/.test(value)) return null;
  return Number(value);
}

/** Which NAS speaks: its own name, else its address. */
export function nasOf(attributes: Attributes): string {
  const names = ['nas_identifier', 'nas_ip_address', 'nas_ipv6_address', 'packet_src_ip_address'];
  return names.map((name) => textOf(attributes, name)).find((name) => name !== '') ?? '';
}
