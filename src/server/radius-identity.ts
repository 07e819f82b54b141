import type { Connections } from './connections.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import { hintIn, type Dialling } from './radius-request.ts';
import type { Identity, RadiusSettings } from './radius-settings.ts';
import type { Store } from './store/store.ts';
import { tunnelsFrom, type Tunnel } from './store/tunnels.ts';

/** A device, and how it was recognised. */
export type Recognised = { state: DeviceState; identity: Identity };

/** Why nobody was recognised. */
export type Unrecognised = 'no_device' | 'unknown_certificate' | 'ambiguous_identity';

export type IdentityParts = {
  store: Store;
  fleet: Fleet;
  connections: Connections;
  settings: Pick<RadiusSettings, 'certificateNames' | 'provenPeers'>;
};

/**
 * Which device dials, by the strongest that is there: the certificate with which its IPsec tunnel was opened; else the
 * one live agent behind the address; else, among several, the one that the user names. RADIUS tells the address only,
 * so whoever shares it with others is not told apart by what belongs to them all.
 */
export async function recognise(
  parts: IdentityParts,
  dialling: Dialling,
): Promise<Recognised | Unrecognised> {
  const { address } = dialling;
  if (address === null) return 'no_device';
  const tunnels = await parts.store.read((db) => tunnelsFrom(db, address));
  if (tunnels.some((tunnel) => isProven(tunnel, parts.settings))) return byCertificate(parts, tunnels);
  return byPresence(parts, dialling, address, tunnels.length);
}

/** A gateway that shows certificates of others beside this one leaves open whose login it is. */
async function byCertificate(
  { fleet, settings }: IdentityParts,
  tunnels: readonly Tunnel[],
): Promise<Recognised | Unrecognised> {
  const [only] = tunnels;
  if (only === undefined || tunnels.length > 1) return 'ambiguous_identity';
  const state = await ownerOf(fleet, nameIn(only.peer_id), settings.certificateNames);
  return state === null ? 'unknown_certificate' : { state, identity: 'certificate' };
}

async function byPresence(
  { connections, fleet }: IdentityParts,
  { userName }: Dialling,
  address: string,
  tunnels: number,
): Promise<Recognised | Unrecognised> {
  const states = await Promise.all(connections.at(address).map((live) => fleet.get(live.device)));
  const present = states.filter((state) => state !== null);
  const [only] = present;
  if (only === undefined) return 'no_device';
  // More tunnels than agents: somebody there has none, and may be who dials.
  if (present.length === 1 && tunnels <= 1) return { state: only, identity: 'presence' };
  const named = hinted(present, hintIn(userName));
  return named === null ? 'ambiguous_identity' : { state: named, identity: 'hint' };
}

/** A hint chooses among those that are present; it never makes anybody present. */
function hinted(present: readonly DeviceState[], hint: string | null): DeviceState | null {
  const wanted = hint?.toLowerCase();
  const named = present.filter(
    ({ id, name }) => wanted !== undefined && [id, name.toLowerCase()].includes(wanted),
  );
  return named.length === 1 ? (named[0] ?? null) : null;
}

/** With a pre-shared key, a peer calls itself what it likes. */
function isProven(
  { certificate_serial, certificate_fingerprint }: Tunnel,
  { provenPeers }: IdentityParts['settings'],
): boolean {
  return provenPeers || certificate_serial !== null || certificate_fingerprint !== null;
}

/** The common name of a distinguished name, or the whole of a plain one. */
function nameIn(peerId: string): string {
  const commonName = /(?:^|[,/]\s*)CN\s*=\s*"?([^,/"]+)/i.exec(peerId)?.[1];
  return (commonName ?? peerId.replace(/^@/, '')).trim().toLowerCase();
}

async function ownerOf(
  fleet: Fleet,
  name: string,
  kind: RadiusSettings['certificateNames'],
): Promise<DeviceState | null> {
  if (kind === 'device-id') return fleet.get(name);
  const named = [...fleet.all()].filter((state) => state.name.toLowerCase() === name);
  return named.length === 1 ? (named[0] ?? null) : null;
}
