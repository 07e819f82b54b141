import { ip, resolvectl, xl2tpd } from '../../base/commands.ts';
import type { VpnProfile } from '../../wire/vpn.ts';
import { writeControl } from './linux-dialler.ts';
import type { WantedFile } from './linux-files.ts';
import { addressesOf } from './linux-gateways.ts';
import { ownName } from './linux-names.ts';
import {
  diallerConfig,
  diallerPath,
  keptLines,
  optionsPath,
  pppOptions,
  wayOf,
} from './linux-ppp-options.ts';
import { readSessions } from './linux-sessions.ts';
import { act, becomes, complaint, edge, type Tools } from './linux-tools.ts';

/** xl2tpd's and pppd's files of a profile that is not NetworkManager's. */
export async function pppFiles({ host }: Tools, profile: VpnProfile): Promise<WantedFile[]> {
  const own = await host.readText(optionsPath(profile.name));
  const kept = own.ok ? keptLines(own.value) : [];
  return [
    { path: optionsPath(profile.name), content: pppOptions(profile, kept), mode: 0o600 },
    { path: diallerPath(profile.name), content: diallerConfig(profile), mode: 0o600 },
  ];
}

/** Milliseconds for L2TP, PPP and the RADIUS server behind them. */
const PPP_MS = 30_000;

/** Starts an xl2tpd for this one session, dials, waits for its address, and leads the routes through it. */
export async function dialPpp(tools: Tools, name: string, signal: AbortSignal): Promise<string | null> {
  const own = ownName(name);
  const control = `/run/${own}.l2tp-control`;
  const argv = ['-c', diallerPath(name), '-p', `/run/${own}.xl2tpd.pid`, '-C', control];
  const started = await act(tools, 'xl2tpd start', xl2tpd, argv);
  if (started.code !== 0) return `xl2tpd did not start: ${complaint(started)}`;
  const listens = await edge(tools, 'xl2tpd dial', () =>
    becomes(tools.clock, 5_000, () => writeControl(control, `c ${own}\n`)),
  );
  if (!listens) return 'xl2tpd started but does not listen.';
  const link = await waitForLink(tools, name, signal);
  return link === null
    ? `No PPP session within ${PPP_MS / 1_000} s: wrong user or password, or refused by the gateway.`
    : leadThrough(tools, name, link);
}

async function waitForLink(tools: Tools, name: string, signal: AbortSignal): Promise<string | null> {
  let link: string | null = null;
  let seen = false;
  await becomes(tools.clock, PPP_MS, async () => {
    if (signal.aborted) return true;
    const { sessions } = await readSessions(tools.host);
    const own = sessions.filter(({ dialler }) => dialler?.config === diallerPath(name));
    // A session that was there and is gone has been refused: nobody dials again.
    if (seen && own.length === 0) return true;
    seen ||= own.length > 0;
    link = own.find((session) => session.interface !== null)?.interface ?? null;
    return link !== null && (await hasAddress(tools, link));
  });
  return link !== null && !signal.aborted && (await hasAddress(tools, link)) ? link : null;
}

async function hasAddress({ host }: Tools, link: string): Promise<boolean> {
  const { code, stdout } = await host.run(ip, ['-j', '-4', 'addr', 'show', 'dev', link]);
  return code === 0 && /"local":/.test(stdout);
}

/** Two halves are more specific than any default route, which stays as it is and comes back by itself. */
const EVERYTHING = ['0.0.0.0/1', '128.0.0.0/1'];

async function leadThrough(tools: Tools, name: string, link: string): Promise<string | null> {
  const config = await tools.host.readText(diallerPath(name));
  const { routes, dns, gateway } = wayOf(config.ok ? config.value : '');
  const wanted = routes === 'all' ? EVERYTHING : routes;
  if (routes === 'all') await keepGatewayOutside(tools, gateway);
  for (const route of wanted) {
    const added = await act(tools, 'route', ip, ['route', 'replace', route, 'dev', link]);
    if (added.code !== 0) return `The route ${route} could not be set: ${complaint(added)}`;
  }
  if (dns.length === 0) return null;
  const resolved = await act(tools, 'dns', resolvectl, ['dns', link, ...dns]);
  if (resolved.code !== 0) return `The DNS servers could not be set: ${complaint(resolved)}`;
  return null;
}

/** The tunnel's own packets must not go into the tunnel. */
async function keepGatewayOutside(tools: Tools, gateway: string): Promise<void> {
  const addresses = (await addressesOf(tools.host, gateway)).filter((address) => !address.includes(':'));
  for (const address of addresses) {
    const { stdout } = await tools.host.run(ip, ['route', 'get', address]);
    const [, via = '', device = ''] = /^\S+ (via \S+ )?dev (\S+)/.exec(stdout) ?? [];
    if (device === '') continue;
    const way = via === '' ? [] : via.trim().split(' ');
    await act(tools, 'route', ip, ['route', 'replace', `${address}/32`, ...way, 'dev', device]);
  }
}
