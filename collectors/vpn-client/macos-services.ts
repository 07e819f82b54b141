import { at, flagOf, isDictionary, itemsOf, linesOf, matchLine, numberOf, textOf } from '../macos-values.ts';
import { bareProfile, type Profile } from './profile.ts';

export type { Profile } from './profile.ts';

/** A service as the running system lists it. */
export type ListedService = {
  id: string;
  name: string;
  enabled: boolean;
  state: Profile['state'];
};

const STATES: Record<string, Profile['state']> = {
  Invalid: 'down',
  Disconnected: 'down',
  Connecting: 'connecting',
  Connected: 'up',
  // Traffic still passes until it is gone.
  Disconnecting: 'up',
};

/** Star, state, identifier, a translated kind, the name in quotes, the type: of these the type alone is fixed. */
const SERVICE =
  /^([* ])\s*\((\w+)\)\s+(?:([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})\s)?.*?"(.*?)"?\s+\[PPP:L2TP\]\s*$/i;
const ANY_SERVICE = /^[* ]\s*\(\w+\)\s.*\[[\w:.-]+\]\s*$/;
const HEADER = /^Available network connection services/;

/** `scutil --nc list`. A name of 31 or more characters is cut there. Null when it is not that list at all. */
export function parseServiceList(text: string): ListedService[] | null {
  if (!matchLine(text, HEADER) && !matchLine(text, ANY_SERVICE)) return null;
  return linesOf(text).flatMap((line) => {
    const match = SERVICE.exec(line);
    if (!match) return [];
    const [, star, state = '', id, name = ''] = match;
    return [{ id: id?.toUpperCase() ?? name, name, enabled: star === '*', state: STATES[state] ?? null }];
  });
}

/** `networksetup -listnetworkserviceorder`: `(1) Name` or `(*) Name`, and its port on the next line. */
export function parseServiceOrder(text: string): ListedService[] | null {
  const lines = linesOf(text);
  const services = lines.flatMap((line, index) => {
    const service = /^\((\d+|\*)\) (.+)$/.exec(line);
    return service ? [{ mark: service[1], name: service[2] ?? '', port: lines[index + 1] ?? '' }] : [];
  });
  if (services.length === 0) return null;
  return services
    .filter(({ port }) => port.startsWith('(Hardware Port: L2TP,'))
    .map(({ mark, name }) => ({ id: name, name, enabled: mark !== '*', state: null }));
}

/**
 * All L2TP services of `SystemConfiguration/preferences.plist`, also those of other locations, by identifier. Null
 * when it is not that list: no Mac is without any network service.
 */
export function parseNetworkServices(list: unknown): Map<string, unknown> | null {
  const services = at(list, 'NetworkServices');
  if (!isDictionary(services)) return null;
  return new Map(
    Object.entries(services).filter(([, service]) => at(service, 'Interface', 'SubType') === 'L2TP'),
  );
}

/** What its settings alone say of a service; the state is the running system's to say. */
export function configuredProfile(id: string, service: unknown): Profile {
  return {
    ...bareProfile('macos', id, textOf(at(service, 'UserDefinedName')) ?? id),
    gateway: textOf(at(service, 'PPP', 'CommRemoteAddress')),
    auth: authOf(textOf(at(service, 'IPSec', 'AuthenticationMethod'))),
    ipsec: usesIpsec(service),
    allTraffic: numberOf(at(service, 'IPv4', 'OverridePrimary')) === 1,
    dns: dnsOf(at(service, 'DNS', 'ServerAddresses')),
    mtu: mtuOf(at(service, 'PPP', 'LCPMTU')),
    enabled: flagOf(at(service, '__INACTIVE__')) !== true,
    secretsReadableByUser: hasInlineSecret(service),
  };
}

function authOf(method: string | null): Profile['auth'] {
  if (method === 'SharedSecret') return 'psk';
  return method === 'Certificate' || method === 'Hybrid' ? 'certificate' : null;
}

/** `Transport` is `IPSec` or `IP`; the latter is a tunnel in clear text. */
function usesIpsec(service: unknown): boolean | null {
  const transport = at(service, 'L2TP', 'Transport');
  if (transport === 'IP') return false;
  return transport === 'IPSec' || isDictionary(at(service, 'IPSec')) ? true : null;
}

function dnsOf(servers: unknown): string[] | null {
  return Array.isArray(servers) ? itemsOf(servers).flatMap((server) => textOf(server) ?? []) : null;
}

function mtuOf(value: unknown): number | null {
  const mtu = numberOf(value);
  return mtu !== null && Number.isInteger(mtu) && mtu > 0 ? mtu : null;
}

/** The file is readable by everyone; a secret belongs in the keychain, with only its name here. */
function hasInlineSecret(service: unknown): boolean {
  const secrets = [
    [at(service, 'IPSec', 'SharedSecret'), at(service, 'IPSec', 'SharedSecretEncryption')],
    [at(service, 'PPP', 'AuthPassword'), at(service, 'PPP', 'AuthPasswordEncryption')],
  ];
  return secrets.some(([secret, where]) => secret !== undefined && where !== 'Keychain');
}
