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

/** The names in our own template of a login, by the names that RADIUS has for them. */
const OWN = {
  user_name: 'user_name',
  calling_station_id: 'calling_station_id',
  called_station_id: 'called_station_id',
  tunnel_client_endpoint: 'tunnel_client_endpoint',
  nas_identifier: 'nas_identifier',
  nas_ip: 'nas_ip_address',
  nas_port: 'nas_port',
  nas_port_id: 'nas_port_id',
  nas_port_type: 'nas_port_type',
  packet_src_ip: 'packet_src_ip_address',
  acct_session_id: 'acct_session_id',
  auth_type: 'auth_type',
  peer_id: 'peer_id',
  credential: 'credential',
} as const;

type OwnName = keyof typeof OWN;
const ownNames = Object.entries(OWN) as [OwnName, string][];
/** Of fixed names: read several times as fast as any body. */
const ownBody = z.strictObject(
  Object.fromEntries(ownNames.map(([name]) => [name, text])) as Record<OwnName, typeof text>,
);

/** The stock body has RADIUS' own names. */
function isOwn(parsed: unknown): boolean {
  return typeof parsed === 'object' && parsed !== null && 'user_name' in parsed;
}

/** Reads either body; null when it is neither. The text was decoded as latin1. */
export function parseAttributes(parsed: unknown): Attributes | null {
  const own = isOwn(parsed) ? ownBody.safeParse(parsed).data : undefined;
  if (own !== undefined) return new Map(ownNames.map(([name, plain]) => [plain, [own[name]]]));
  const fields = gatewayBody.safeParse(parsed);
  if (!fields.success) return null;
  return new Map(Object.entries(fields.data).map(([name, value]) => [plainName(name), valuesOf(value)]));
}

function plainName(name: string): string {
  const plain = name.toLowerCase().replaceAll('-', '_');
  return Object.hasOwn(OWN, plain) ? OWN[plain as OwnName] : plain;
}

function valuesOf(value: z.output<typeof field>): string[] {
  return typeof value === 'string' ? [value] : value.value.map(String);
}

/** The first value as text, '' where there is none. FreeRADIUS writes each byte from 0x80 as one character. */
export function textOf(attributes: Attributes, name: string): string {
  const text = attributes.get(name)?.[0] ?? '';
  return /[\u0080-\uffff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
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
