import { z } from 'zod';
import { normalAddress } from './addresses.ts';

/** Who dials in, as far as the gateway says. Text is decoded; every part may be controlled by the one who dials. */
export type Dialling = {
  userName: string;
  /** The address from which the tunnel comes, or null where the gateway names none. */
  address: string | null;
  gateway: string;
};

/** Longer than any attribute of RADIUS. */
const text = z.string().max(1_024);

/** The body of our own FreeRADIUS configuration: a template that names what we need, and never the password. */
const customBody = z.object({
  user_name: text,
  calling_station_id: text.default(''),
  tunnel_client_endpoint: text.default(''),
  nas_identifier: text.default(''),
  nas_ip: text.default(''),
});

/** FreeRADIUS' stock `body = 'json'`: every attribute of the request. */
const stockBody = z.record(
  z.string(),
  z.object({ value: z.array(z.union([z.string(), z.number()])).max(100) }),
);

/** Reads either body; null when it is neither. `body` was parsed from text that was decoded as latin1. */
export function parseDialling(body: unknown): Dialling | null {
  const custom = customBody.safeParse(body);
  if (custom.success) {
    const { user_name, calling_station_id, tunnel_client_endpoint, nas_identifier, nas_ip } = custom.data;
    return dialling(user_name, [tunnel_client_endpoint, calling_station_id], [nas_identifier, nas_ip]);
  }
  const stock = stockBody.safeParse(body);
  if (!stock.success) return null;
  const first = (name: string) => String(stock.data[name]?.value[0] ?? '');
  const userName = first('User-Name');
  if (userName === '') return null;
  return dialling(
    userName,
    [first('Tunnel-Client-Endpoint'), first('Calling-Station-Id')],
    [first('NAS-Identifier'), first('NAS-IP-Address')],
  );
}

/**
 * The tunnel's endpoint is what the gateway saw; a calling station can be a number of the client's own choice, so it
 * counts second, and only where it is an address.
 */
function dialling(userName: string, addresses: string[], gateways: string[]): Dialling {
  return {
    userName: decode(userName),
    address: addresses.map((one) => normalAddress(one)).find((one) => one !== null) ?? null,
    gateway: decode(gateways.find((one) => one !== '') ?? ''),
  };
}

/** FreeRADIUS writes each byte from 0x80 as one character `\u00XX`, for UTF-8 text as well. */
function decode(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

/** `user#device` names a device as a hint; the part before is the user. */
export function hintIn(userName: string): string | null {
  return /#([A-Za-z0-9_.-]{1,100})$/.exec(userName)?.[1] ?? null;
}
