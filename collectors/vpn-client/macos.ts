import { networksetup, profiles as profilesCommand, scutil } from '../../src/base/commands.ts';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import { readPlist, runPlist, unanswered } from '../macos-read.ts';
import { parseScutil } from '../macos-scutil.ts';
import { at, isDictionary, itemsOf, textOf } from '../macos-values.ts';
import type { Fact } from '../specs.ts';
import {
  configuredProfile,
  parseNetworkServices,
  parseServiceList,
  parseServiceOrder,
  type ListedService,
  type Profile,
} from './macos-services.ts';
import { bareProfile } from './profile.ts';

const PREFERENCES = '/Library/Preferences/SystemConfiguration/preferences.plist';
const MAX_PROFILES = 100;

export async function read(host: Host): Promise<Observed<Fact<'vpn-client'>>> {
  const { listed, answer } = await readListed(host);
  const preferences = await readPlist(host, PREFERENCES);
  const configured = preferences.ok ? parseNetworkServices(preferences.value) : null;
  if (!listed && !configured) return unanswered('scutil --nc list', answer);
  const merged = mergeProfiles(configured ?? new Map(), listed).slice(0, MAX_PROFILES);
  const live = await Promise.all(merged.map((profile) => withConnection(host, profile)));
  return known({ backends: ['macos'], profiles: await markManaged(host, live) });
}

/** `networksetup` knows neither identifier nor state, so it comes second. */
async function readListed(host: Host): Promise<{ listed: ListedService[] | null; answer: Output }> {
  const answer = await host.run(scutil, ['--nc', 'list']);
  const listed = parseServiceList(answer.stdout);
  if (listed) return { listed, answer };
  const order = await host.run(networksetup, ['-listnetworkserviceorder']);
  return { listed: parseServiceOrder(order.stdout), answer };
}

/** The settings have the whole name and every location; the list has the state, but of the current location only. */
export function mergeProfiles(
  configured: ReadonlyMap<string, unknown>,
  listed: readonly ListedService[] | null,
): Profile[] {
  const known = [...configured].map(([id, service]): Profile => {
    const profile = configuredProfile(id, service);
    const twin = listed?.find((one) => one.id === id.toUpperCase() || one.id === profile.name);
    if (twin) return { ...profile, enabled: twin.enabled, state: twin.state };
    return { ...profile, state: listed ? 'down' : null };
  });
  const others = (listed ?? []).filter(
    (one) =>
      ![...configured.keys()].some((id) => id.toUpperCase() === one.id) &&
      !known.some(({ name }) => name === one.id),
  );
  return [
    ...known,
    ...others.map(({ id, name, enabled, state }) => bareProfile('macos', id, name, { enabled, state })),
  ];
}

async function withConnection(host: Host, profile: Profile): Promise<Profile> {
  if (profile.state !== 'up') return profile;
  const answer = await host.run(scutil, ['--nc', 'status', profile.id]);
  return { ...profile, ...parseConnection(answer.stdout) };
}

/** `scutil --nc status`: a word, then `Extended Status <dictionary> {`. */
export function parseConnection(text: string): Pick<Profile, 'address' | 'interface'> {
  const ipv4 = at(parseScutil(text), 'IPv4');
  return {
    address: textOf(at(ipv4, 'Addresses', '0')),
    interface: textOf(at(ipv4, 'InterfaceName')),
  };
}

/** A service that a configuration profile installed looks like any other; the profile's payload has its name. */
async function markManaged(host: Host, profiles: readonly Profile[]): Promise<Profile[]> {
  if (profiles.length === 0) return [];
  const list = await runPlist(host, profilesCommand, ['show', '-output', 'stdout-xml']);
  const payloads = parseManagedServices(list);
  return profiles.map((profile) => {
    const owner = payloads.find(
      ({ name, gateway }) => name === profile.name && (profile.gateway ?? gateway) === gateway,
    );
    return owner ? { ...profile, scope: 'managed' } : profile;
  });
}

export type ManagedService = { name: string; gateway: string | null };

/** L2TP payloads of `profiles show -output stdout-xml`: a list of profiles for the computer and for each user. */
export function parseManagedServices(list: unknown): ManagedService[] {
  const groups = isDictionary(list) ? Object.values(list) : [];
  const items = groups.flatMap(itemsOf).flatMap((profile) => itemsOf(at(profile, 'ProfileItems')));
  return items.flatMap((item) => {
    const content = at(item, 'PayloadContent');
    const name = textOf(at(content, 'UserDefinedName'));
    if (at(content, 'VPNType') !== 'L2TP' || name === null) return [];
    return [{ name, gateway: textOf(at(content, 'PPP', 'CommRemoteAddress')) }];
  });
}
