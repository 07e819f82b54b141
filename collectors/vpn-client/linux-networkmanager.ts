import { nmcli } from '../../src/base/commands.ts';
import { unknown, type Unknown } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { parseConnection, parseRow, parseVpnData, unescapeField, type VpnData } from './linux-nmcli.ts';
import type { PppLink } from './linux-ppp.ts';
import { isReadableByOthers } from './linux-secrets.ts';
import { parseMtu, profile, suites, type Profile } from './linux-profile.ts';

const SERVICE = 'org.freedesktop.NetworkManager.l2tp';
const MAX_PROFILES = 50;

/** One row of the list of connections. */
type Row = { name: string; uuid: string; file: string; state: string };

type Fields = ReadonlyMap<string, string>;

/** L2TP profiles of NetworkManager; null where there is no NetworkManager. */
export async function readNetworkManager(
  host: Host,
  found: Promise<readonly PppLink[] | null>,
): Promise<Profile[] | Omit<Unknown, 'at'> | null> {
  const [rows, links] = await Promise.all([listVpns(host), found]);
  if (rows === null || 'why' in rows) return rows;
  const profiles = await Promise.all(rows.slice(0, MAX_PROFILES).map((row) => readProfile(host, row, links)));
  return profiles.filter((one) => one !== null);
}

const COLUMNS = 'NAME,UUID,TYPE,TIMESTAMP,AUTOCONNECT,READONLY,ACTIVE,STATE,FILENAME';

/** What nmcli is asked about all connections. */
export const ABOUT_ALL = ['-t', '-f', COLUMNS, 'connection', 'show'];

const NO_BUS = /Could not create NMClient object: Could not connect: No such file or directory/;

async function listVpns(host: Host): Promise<Row[] | Omit<Unknown, 'at'> | null> {
  const wide = await host.run(nmcli, ABOUT_ALL);
  // Versions before 1.0 have other columns, which is bad usage (2).
  const list = wide.code !== 2 ? wide : await host.run(nmcli, ['-t', 'connection', 'show']);
  if (list.code === 0) return list.stdout.split('\n').map(parseRow).filter(isVpn).map(rowOf);
  if (list.failure === 'not-found') return null;
  // NetworkManager is not running (8), or not even the bus that it is asked on: then none of its connections can be.
  if (list.code === 8 || NO_BUS.test(list.stderr)) return [];
  if (list.failure === 'timeout') return unknown('timeout', 'NetworkManager did not answer in time.');
  return unknown('failed', `nmcli ended with ${list.code ?? list.failure}: ${list.stderr}`);
}

function isVpn([, , type]: readonly string[]): boolean {
  return type === 'vpn';
}

function rowOf([name = '', uuid = '', , , , , , state = '', file = '']: readonly string[]): Row {
  return { name, uuid, state, file };
}

async function readProfile(host: Host, row: Row, links: readonly PppLink[] | null): Promise<Profile | null> {
  const fields = await readFields(host, row.uuid);
  if (fields.get('vpn.service-type') !== SERVICE) return null;
  const data = parseVpnData(fields.get('vpn.data') ?? '');
  const state = stateOf(fields.get('GENERAL.STATE') ?? row.state);
  const [address = null] = fields.get('IP4.ADDRESS[1]')?.split('/') ?? [];
  const link =
    state === 'up' ? links?.find((one) => one.address !== null && one.address === address) : undefined;
  return profile('networkmanager', row.uuid, {
    name: row.name,
    scope: (fields.get('connection.permissions') ?? '') === '' ? 'system' : 'user',
    ...configured(data),
    ...(link ? { mtu: link.mtu, interface: link.name, since: link.since } : {}),
    allTraffic: takesAllTraffic(fields, state),
    dns: dnsOf(fields),
    state,
    address: state === 'up' ? address : null,
    secretsReadableByUser:
      data.holdsSecret || (row.file === '' ? null : await isReadableByOthers(host, [row.file])),
  });
}

/** What nmcli is asked about one connection. */
export function aboutProfile(uuid: string, narrowing: readonly string[] = []): string[] {
  return ['-t', ...narrowing, 'connection', 'show', 'uuid', uuid];
}

/** The widest question first; an answer recorded elsewhere may hold a narrower one only. */
async function readFields(host: Host, uuid: string): Promise<Fields> {
  for (const narrowing of [[], ['-f', 'GENERAL,VPN,IP4']]) {
    const { code, stdout } = await host.run(nmcli, aboutProfile(uuid, narrowing));
    if (code === 0) return parseConnection(stdout);
  }
  const keys = ['vpn.service-type', 'vpn.data'];
  const { code, stdout } = await host.run(nmcli, ['-g', keys.join(','), 'connection', 'show', 'uuid', uuid]);
  const values = code === 0 ? stdout.split('\n').map(unescapeField) : [];
  return new Map(keys.map((key, index) => [key, values[index] ?? '']));
}

/** An L2TP profile without `ipsec-enabled` sends everything in clear text. */
function configured({ values }: VpnData): Pick<Profile, 'gateway' | 'ipsec' | 'auth' | 'suites' | 'mtu'> {
  const ipsec = values.get('ipsec-enabled') === 'yes';
  const auth = values.get('machine-auth-type') === 'tls' ? 'certificate' : 'psk';
  return {
    gateway: values.get('gateway') ?? null,
    ipsec,
    auth: ipsec ? auth : null,
    suites: suites([values.get('ipsec-ike'), values.get('ipsec-esp')]),
    mtu: parseMtu(values.get('mtu')),
  };
}

/** The words are nmcli's in the C locale: NMActiveConnectionState. */
function stateOf(word: string): Profile['state'] {
  if (word === 'activated') return 'up';
  return word === 'activating' ? 'connecting' : 'down';
}

const YES_NO: Record<string, boolean> = { yes: true, no: false };

function takesAllTraffic(fields: Fields, state: Profile['state']): boolean | null {
  if (state === 'up') return YES_NO[fields.get('GENERAL.DEFAULT') ?? ''] ?? null;
  const never = YES_NO[fields.get('ipv4.never-default') ?? ''];
  return never === undefined ? null : !never;
}

function dnsOf(fields: Fields): string[] | null {
  const live = [...fields].filter(([key]) => /^IP4\.DNS\[\d+\]$/.test(key)).map(([, value]) => value);
  const set =
    fields
      .get('ipv4.dns')
      ?.split(/[,\s]+/)
      .filter((server) => server !== '') ?? [];
  return live.length > 0 ? live : set.length > 0 ? set : null;
}
