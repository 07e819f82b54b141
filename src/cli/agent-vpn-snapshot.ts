import { createHash } from 'node:crypto';
import type { Host, Platform } from '../../collectors/check.ts';
import { ip, nft, pfctl, reg, type Command } from '../base/commands.ts';

/** What something on the computer is, as a digest of its bytes; `absent` or why it could not be read. */
export type Snapshot = ReadonlyMap<string, string>;

type Place =
  | { kind: 'command'; command: Command; argv: readonly string[]; only?: RegExp }
  | { kind: 'file' | 'folder'; path: string };

const command = (of: Command, argv: readonly string[], only?: RegExp): Place => ({
  kind: 'command',
  command: of,
  argv,
  ...(only === undefined ? {} : { only }),
});
const file = (path: string): Place => ({ kind: 'file', path });
const folder = (path: string): Place => ({ kind: 'folder', path });

const FIREWALL = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy';
const BOOKS = 'C:\\ProgramData\\Microsoft\\Network\\Connections\\Pbk';

/** Everything that a driver could change: settings of VPN software, and the rules of the firewall. */
const PLACES: Readonly<Record<Platform, readonly Place[]>> = {
  linux: [
    command(nft, ['-s', 'list', 'ruleset']),
    command(ip, ['-4', 'rule']),
    command(ip, ['-6', 'rule']),
    folder('/etc/NetworkManager/system-connections'),
    ...['conf.d', 'x509', 'x509ca', 'private'].map((name) => folder(`/etc/swanctl/${name}`)),
    file('/etc/swanctl/swanctl.conf'),
    file('/etc/ipsec.conf'),
    file('/etc/ipsec.secrets'),
    folder('/etc/ipsec.d'),
    ...['cacerts', 'certs', 'private'].map((name) => folder(`/etc/ipsec.d/${name}`)),
    folder('/etc/xl2tpd'),
    folder('/etc/ppp'),
    folder('/etc/ppp/peers'),
  ],
  windows: [folder(BOOKS), command(reg, ['query', FIREWALL, '/s'])],
  macos: [
    file('/Library/Preferences/SystemConfiguration/preferences.plist'),
    file('/etc/pf.conf'),
    command(pfctl, ['-s', 'rules']),
    command(pfctl, ['-s', 'nat']),
    command(pfctl, ['-a', 'com.apple/000.drawbridge-vpn', '-s', 'rules']),
    // The rest of it are counters and times.
    command(pfctl, ['-s', 'info'], /^Status: \w+/m),
  ],
};

export async function snapshot(platform: Platform, host: Host): Promise<Snapshot> {
  const entries = await Promise.all(PLACES[platform].map((place) => look(place, host)));
  return new Map(entries.flat());
}

function look(place: Place, host: Host): Promise<[string, string][]> {
  switch (place.kind) {
    case 'command':
      return lookAtCommand(place, host);
    case 'file':
      return lookAtFile(place.path, host);
    case 'folder':
      return lookAtFolder(place.path, host);
  }
}

async function lookAtCommand(
  { command: { path }, argv, only }: Extract<Place, { kind: 'command' }>,
  host: Host,
): Promise<[string, string][]> {
  const { stdout, code, failure } = await host.run({ path }, argv);
  const text = only === undefined ? stdout : (only.exec(stdout)?.[0] ?? '');
  return [[[path, ...argv].join(' '), failure ?? `exit ${code} ${digest(Buffer.from(text))}`]];
}

async function lookAtFile(path: string, host: Host): Promise<[string, string][]> {
  const [bytes, status] = await Promise.all([host.readBytes(path), host.status(path)]);
  const mode = status.ok ? status.value.mode.toString(8) : '';
  return [[path, bytes.ok ? `${mode} ${digest(bytes.value)}` : bytes.error]];
}

const MAX_FILES = 500;

/** The folder's own files, and which there are. */
async function lookAtFolder(path: string, host: Host): Promise<[string, string][]> {
  const names = await host.list(path);
  if (!names.ok) return [[path, names.error]];
  const slash = path.includes('\\') ? '\\' : '/';
  const inside = names.value.slice(0, MAX_FILES).map((name) => lookAtFile(`${path}${slash}${name}`, host));
  return [[path, names.value.join(', ')], ...(await Promise.all(inside)).flat()];
}

function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}

export type Difference = { what: string; before: string; after: string };

export function differences(before: Snapshot, after: Snapshot): Difference[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names.flatMap((what) => {
    const [was = 'absent', is = 'absent'] = [before.get(what), after.get(what)];
    return was === is ? [] : [{ what, before: was, after: is }];
  });
}
