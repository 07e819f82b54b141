import { normalAddress } from './addresses.ts';
import { nasOf, parseAttributes, textOf, type Attributes } from './gateway-request.ts';

/** Who dials in, as far as the gateway says. Text is decoded; every part may be controlled by the one who dials. */
export type Dialling = {
  userName: string;
  /** The address from which the tunnel comes, or null where the gateway names none. */
  address: string | null;
  /** What the NAS calls itself, else its address. */
  nas: string;
  /** Where the NAS's packet came from, where FreeRADIUS says. */
  nasAddress: string | null;
  msChap: boolean;
  /** Whether the password was checked by what this server said of the device's own credential. */
  byCredential: boolean;
};

/** Reads a body of ours or FreeRADIUS' stock one; null when it is neither. `body` was decoded as latin1. */
export function parseDialling(body: unknown): Dialling | null {
  const attributes = parseAttributes(body);
  return attributes?.has('user_name') === true ? diallingOf(attributes) : null;
}

/**
 * The tunnel's endpoint is what the gateway saw; a calling station can be a number of the client's own choice, so it
 * counts second, and only where it is an address.
 */
function diallingOf(attributes: Attributes): Dialling {
  const text = (name: string) => textOf(attributes, name);
  const firstAddress = (...names: string[]) =>
    names.map((name) => normalAddress(text(name))).find((one) => one !== null) ?? null;
  return {
    userName: text('user_name'),
    address: firstAddress('tunnel_client_endpoint', 'calling_station_id'),
    nas: nasOf(attributes),
    nasAddress: firstAddress('packet_src_ip_address', 'nas_ip_address'),
    byCredential: text('credential') === 'credential',
    msChap: attributes.has('ms_chap2_response') || /^ms-?chap/i.test(text('auth_type')),
  };
}

/** `user#device` names a device as a hint; the part before is the user. */
export function hintIn(userName: string): string | null {
  return /#([A-Za-z0-9_.-]{1,100})$/.exec(userName)?.[1] ?? null;
}
