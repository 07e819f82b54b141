import type { Clock } from '../base/clock.ts';
import type { Connections } from './connections.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import { deviceOfUser } from '../wire/credential.ts';
import { hintIn, type Dialling } from './radius-request.ts';
import type { Identity, RadiusSettings } from './radius-settings.ts';
import type { Db } from './store/store.ts';
import { tunnelsFrom, type Tunnel } from './store/tunnels.ts';

/** A device, and how it was recognised. */
export type Recognised = { state: DeviceState; identity: Identity };

/** Why nobody was recognised. */
export type Unrecognised = 'no_device' | 'unknown_certificate' | 'ambiguous_identity';

export type IdentityParts = {
  clock: Pick<Clock, 'now'>;
  fleet: Fleet;
  connections: Connections;
  settings: Pick<RadiusSettings, 'certificateNames' | 'provenPeers' | 'deniedNeighbourHours'>;
};

/**
 * Which device dials, by the strongest that is there: the certificate with which its IPsec tunnel was opened; else the
 * credential that is a device's own; else the one live agent behind the address; else, among several, the one that the user names. RADIUS tells the address only,
 * so whoever shares it with others is not told apart by what belongs to them all.
 */
export async function recognise(
  parts: IdentityParts,
  db: Db,
  dialling: Dialling,
): Promise<Recognised | Unrecognised> {
  const { address } = dialling;
  const owner = await byCredential(parts, dialling);
  if (address === null) return owner ?? 'no_device';
  const tunnels = await tunnelsFrom(db, address);
  if (tunnels.some((tunnel) => isProven(tunnel, parts.settings)))
    return agreeing(await byCertificate(parts, tunnels), owner);
  if (owner !== null) return owner;
  return byPresence(parts, dialling, address, tunnels.length);
}

/** The password of a name that is a device's own: its gateway says that it was checked by what we said of it. */
async function byCredential(
  { fleet }: IdentityParts,
  { userName, byCredential: isProven }: Dialling,
): Promise<Recognised | null> {
  const device = isProven ? deviceOfUser(userName) : null;
  const state = device === null ? null : await fleet.get(device);
  return state === null ? null : { state, identity: 'credential' };
}

/** One computer's certificate with another one's password is nobody's login. */
function agreeing(found: Recognised | Unrecognised, owner: Recognised | null): Recognised | Unrecognised {
  if (owner === null || typeof found === 'string') return owner ?? found;
  return found.state.id === owner.state.id ? found : 'ambiguous_identity';
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
  parts: IdentityParts,
  { userName }: Dialling,
  address: string,
  tunnels: number,
): Promise<Recognised | Unrecognised> {
  const { connections, fleet } = parts;
  const states = await Promise.all(connections.at(address).map((live) => fleet.get(live.device)));
  const present = states.filter((state) => state !== null);
  const [only] = present;
  if (only === undefined) return 'no_device';
  const silent = await silentSuspects(parts, address);
  // More tunnels than agents: somebody there has none, and may be who dials.
  if (present.length === 1 && tunnels <= 1 && silent.length === 0)
    return { state: only, identity: 'presence' };
  const named = hinted([...present, ...silent], hintIn(userName));
  return named === null ? 'ambiguous_identity' : { state: named, identity: 'hint' };
}

/**
 * Devices that fell silent behind an address while they were denied for what they had reported: who ends the agent of an
 * ill laptop must not get in on the answer for a neighbour that is well.
 */
export async function silentSuspects(
  { connections, fleet, clock, settings }: IdentityParts,
  address: string,
): Promise<DeviceState[]> {
  const states = await Promise.all(connections.leftFrom(address).map((device) => fleet.get(device)));
  const since = clock.now() - settings.deniedNeighbourHours * 3_600_000;
  return states.filter((state) => state !== null).filter((state) => wasIll(state, since));
}

function wasIll({ status, seenAt, decision }: DeviceState, since: number): boolean {
  const { access, reason } = decision?.decision ?? { access: 'allow', reason: '' };
  return status === 'live' && (seenAt ?? 0) > since && access === 'deny' && reason !== 'agent-silent';
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
  { proof, certificate_serial, certificate_fingerprint }: Tunnel,
  { provenPeers }: IdentityParts['settings'],
): boolean {
  return provenPeers || proof !== null || certificate_serial !== null || certificate_fingerprint !== null;
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
