import { ip } from '../../src/base/commands.ts';
import { iso } from '../../src/base/clock.ts';
import type { Host } from '../check.ts';
import { asList, asObject, asText, parseJson, type JsonObject } from '../json.ts';

/** A PPP interface that exists now. */
export type PppLink = {
  name: string;
  mtu: number | null;
  /** IPv4 of this end; null until the peer has assigned one. */
  address: string | null;
  /** When its pppd wrote its process id. */
  since: string | null;
};

/** Null when nothing tells which interfaces there are. */
export async function readPppLinks(host: Host): Promise<PppLink[] | null> {
  for (const argv of [
    ['-j', 'addr'],
    ['-j', '-d', 'link', 'show', 'type', 'ppp'],
  ]) {
    const { code, stdout } = await host.run(ip, argv);
    const links = code === 0 ? parseLinks(stdout) : null;
    if (links)
      return Promise.all(links.map(async (link) => ({ ...link, since: await startOf(host, link.name) })));
  }
  return null;
}

/** `ip -j addr` or `ip -j link`; old versions put empty objects between the interfaces. */
export function parseLinks(text: string): Omit<PppLink, 'since'>[] | null {
  const all = text.trim() === '' ? [] : parseJson(text);
  if (!Array.isArray(all)) return null;
  return all
    .map(asObject)
    .filter((link) => link?.['link_type'] === 'ppp')
    .flatMap((link) => linkOf(link) ?? []);
}

function linkOf(link: JsonObject | null): Omit<PppLink, 'since'> | null {
  const name = asText(link?.['ifname']);
  if (!link || name === null || !/^[^\s/]{1,15}$/.test(name)) return null;
  const own = asList(link['addr_info'])
    .map(asObject)
    .find((info) => info?.['family'] === 'inet');
  const mtu = link['mtu'];
  return {
    name,
    mtu: typeof mtu === 'number' && Number.isInteger(mtu) && mtu > 0 ? mtu : null,
    address: asText(own?.['local']),
  };
}

async function startOf(host: Host, name: string): Promise<string | null> {
  const status = await host.status(`/run/${name}.pid`);
  return status.ok ? iso(status.value.modifiedMs) : null;
}

/** Interfaces of L2TP sessions that this computer dialled; null when the kernel has no L2TP module to ask. */
export async function readDialledInterfaces(host: Host): Promise<ReadonlySet<string> | null> {
  const text = await host.readText('/proc/net/pppol2tp');
  return text.ok ? parsePppol2tp(text.value) : null;
}

/** A session block names its side (LAC dials, LNS answers) before its interface, which comes to it later. */
export function parsePppol2tp(text: string, side: 'LAC' | 'LNS' = 'LAC'): ReadonlySet<string> {
  const sessions = text.split(/^ *SESSION /m).slice(1);
  const names = sessions.flatMap((session) => {
    const name = /^ +interface (\S+) *$/m.exec(session)?.[1];
    return name !== undefined && session.includes(`/${side} `) ? [name] : [];
  });
  return new Set(names.filter((name) => name !== '(null)'));
}

/** Whether the best default route leaves through this interface; null when no route can be seen. */
export async function isDefaultRoute(host: Host, name: string): Promise<boolean | null> {
  const { code, stdout } = await host.run(ip, ['-j', 'route', 'show']);
  const routes = code === 0 ? parseJson(stdout) : undefined;
  return Array.isArray(routes) ? leavesThrough(name, routes.map(asObject)) : null;
}

function leavesThrough(name: string, routes: readonly (JsonObject | null)[]): boolean {
  const whole = routes
    .filter((route) => route?.['dst'] === 'default')
    .toSorted((a, b) => metric(a) - metric(b));
  // Two halves are more specific than a default route: the usual way of overriding it.
  const halves = routes.filter((route) => route?.['dst'] === '0.0.0.0/1');
  return (halves[0] ?? whole[0])?.['dev'] === name;
}

/** The smallest wins; a route without one has 0. */
function metric(route: JsonObject | null): number {
  return Number(route?.['metric'] ?? 0);
}
