import { z } from 'zod';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { askExtraObject, askRows, mostTelling } from '../windows-probe.ts';
import { flag, isObject, listOf, property, text, textOf } from '../windows-values.ts';
import {
  allTrafficOf,
  authOf,
  dnsOf,
  mayBeL2tp,
  parsePhonebook,
  type PhonebookEntry,
} from './windows-phonebook.ts';

type VpnClient = Fact<'vpn-client'>;
type Profile = VpnClient['profiles'][number];

const BACKEND = 'windows';

/** The algorithms that Set-VpnConnectionIPsecConfiguration fixes: the IKE proposal and the ESP one. */
const IKE = ['EncryptionMethod', 'IntegrityCheckMethod', 'DHGroup'];
const ESP = ['CipherTransformConstants', 'AuthenticationTransformConstants', 'PfsGroup'];

const vpnConnection = z.object({
  Name: text,
  ServerAddress: text,
  TunnelType: text,
  AuthenticationMethod: listOf(text),
  L2tpIPsecAuth: text,
  ConnectionStatus: text,
  SplitTunneling: flag,
  AllUserConnection: flag,
  IPSecCustomPolicy: property((value) => (isObject(value) ? suitesOf(value) : null)),
});

/** `user` is a security id, or null for the phone book of all users. */
const phonebook = z.object({
  user: text,
  text: property((value) => (typeof value === 'string' ? value : null)),
});

const rasParameters = z.object({ ProhibitIPSec: flag });

type VpnConnection = z.output<typeof vpnConnection>;
type Phonebook = z.output<typeof phonebook>;

/**
 * Get-VpnConnection as LocalSystem knows the all-user connections and LocalSystem's own, never those of the people;
 * their connections are in the phone books of their profiles.
 */
export async function read(host: Host): Promise<Observed<VpnClient>> {
  const connections = await askRows(host, 'vpnConnections', vpnConnection);
  const phonebooks = await askRows(host, 'phonebooks', phonebook);
  if (!connections.ok && !phonebooks.ok) return mostTelling(connections.error, phonebooks.error);
  const ipsec = ipsecOf(await askExtraObject(host, 'rasParameters', rasParameters));
  const listed = connections.ok
    ? connections.value.filter(isL2tp).map((one) => fromConnection(one, ipsec))
    : [];
  const written = phonebooks.ok ? phonebooks.value.flatMap((one) => fromPhonebook(one, ipsec)) : [];
  const listedIds = new Set(listed.map((one) => one.id));
  const profiles = [...listed, ...written.filter((one) => !listedIds.has(one.id))].slice(0, 100);
  return known({ backends: [BACKEND], profiles });
}

/** Windows always wraps L2TP in IPsec, except where this switch forbids it for the whole machine. */
function ipsecOf(parameters: z.output<typeof rasParameters> | null): boolean {
  return parameters?.ProhibitIPSec !== true;
}

/** Automatic tries L2TP as well. */
function isL2tp({ TunnelType: type }: VpnConnection): boolean {
  return /^(?:l2tp|automatic)$/i.test(type ?? '');
}

/** What Windows does not say of a stored connection. An owner cannot switch one off, only delete it. */
const NOT_SAID = {
  backend: BACKEND,
  suites: null,
  dns: null,
  mtu: null,
  enabled: true,
  state: null,
  since: null,
  address: null,
  interface: null,
  // The key lies in LSA secrets, the phone book only says that there is one.
  secretsReadableByUser: null,
} as const;

function fromConnection(connection: VpnConnection, ipsec: boolean): Profile {
  const isUsers = connection.AllUserConnection === false;
  const name = connection.Name ?? '';
  return {
    ...NOT_SAID,
    id: idOf(isUsers ? 'user' : null, name),
    name,
    scope: isUsers ? 'user' : 'system',
    gateway: connection.ServerAddress,
    auth: authMethodOf(connection),
    suites: connection.IPSecCustomPolicy,
    ipsec,
    allTraffic: connection.SplitTunneling === null ? null : !connection.SplitTunneling,
    state: STATES.get(connection.ConnectionStatus?.toLowerCase() ?? '') ?? null,
  };
}

const STATES: ReadonlyMap<string, Profile['state']> = new Map([
  ['connected', 'up'],
  ['connecting', 'connecting'],
  ['disconnected', 'down'],
]);

/** How the machines prove themselves to each other; without it, EAP is how the user does. */
function authMethodOf({
  L2tpIPsecAuth: machine,
  AuthenticationMethod: user,
}: VpnConnection): Profile['auth'] {
  if (/^psk$/i.test(machine ?? '')) return 'psk';
  if (/^certificate$/i.test(machine ?? '')) return 'certificate';
  return user?.some((one) => /^eap$/i.test(one ?? '')) === true ? 'eap' : null;
}

function suitesOf(policy: Record<string, unknown>): string[] | null {
  const suites = [IKE, ESP].map((keys) => keys.flatMap((key) => algorithmOf(policy[key])).join('-'));
  const named = suites.filter((suite) => suite !== '');
  return named.length > 0 ? named : null;
}

function algorithmOf(value: unknown): string[] {
  const name = textOf(value)?.toLowerCase();
  return name === undefined || name === 'none' ? [] : [name];
}

function fromPhonebook({ user, text: content }: Phonebook, ipsec: boolean): Profile[] {
  const entries = parsePhonebook(content ?? '').filter(mayBeL2tp);
  return entries.map((entry) => fromEntry(entry, user, ipsec));
}

function fromEntry(entry: PhonebookEntry, user: string | null, ipsec: boolean): Profile {
  return {
    ...NOT_SAID,
    id: idOf(user, entry.name),
    name: entry.name,
    scope: user === null ? 'system' : 'user',
    gateway: entry.values.get('PhoneNumber') || null,
    auth: authOf(entry),
    ipsec,
    allTraffic: allTrafficOf(entry),
    dns: dnsOf(entry),
  };
}

function idOf(user: string | null, name: string): string {
  return `${user ?? 'all-users'}/${name}`;
}
