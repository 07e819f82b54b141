import type { VpnProfile } from '../../wire/vpn.ts';
import { ownName } from './linux-names.ts';

export function optionsPath(name: string): string {
  return `/etc/ppp/options.${ownName(name)}`;
}

export function diallerPath(name: string): string {
  return `/etc/xl2tpd/${ownName(name)}.conf`;
}

/** What an options file of ours already says of user and password, as the very lines. */
export function keptLines(text: string): string[] {
  return text.split('\n').filter((line) => /^(?:name|password) /.test(line));
}

/** pppd's options. The password stands here, in a file for root alone, not in chap-secrets, which is the user's. */
export function pppOptions(profile: VpnProfile, kept: readonly string[]): string {
  const { user, mtu, dns } = profile;
  const name = user === null ? null : `name ${word(user.name)}`;
  const keptName = kept.find((line) => line.startsWith('name '));
  const keptPassword = kept.filter(
    (line) => line.startsWith('password ') && (name === null || name === keptName),
  );
  const identity =
    user === null
      ? kept
      : [String(name), ...(user.password === null ? keptPassword : [`password ${word(user.password)}`])];
  return [
    '# Kept by Drawbridge: a change by hand is overwritten.',
    ...identity,
    `linkname ${ownName(profile.name)}`,
    `ipparam ${ownName(profile.name)}`,
    'noauth',
    ...['pap', 'chap', 'mschap', 'eap'].map((method) => `refuse-${method}`),
    'noccp',
    'nobsdcomp',
    'nodeflate',
    'novj',
    'novjccomp',
    ...(mtu === null ? [] : [`mtu ${mtu}`, `mru ${mtu}`]),
    'noipdefault',
    'ipcp-accept-local',
    'ipcp-accept-remote',
    'nodefaultroute',
    ...(dns.length === 0 ? ['usepeerdns'] : []),
    'lcp-echo-interval 10',
    'lcp-echo-failure 3',
    // The first request is lost while the session is set up; three seconds later is the default.
    'lcp-restart 1',
    '',
  ].join('\n');
}

/** One word of an options file. */
function word(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

/**
 * An xl2tpd of its own for this one profile, from a port of its own: one that is reused wedges after a few refusals.
 * What is led through the tunnel stands in comments, since whoever dials later knows the files alone.
 */
export function diallerConfig({ name, gateway, routes, dns }: VpnProfile): string {
  return `; Kept by Drawbridge: a change by hand is overwritten.
; routes ${routes === 'all' ? routes : routes.join(' ')}
; dns ${dns.join(' ')}
[global]
port = 0
access control = no
[lac ${ownName(name)}]
lns = ${gateway}
pppoptfile = ${optionsPath(name)}
length bit = yes
redial = no
autodial = no
`;
}

/** What a file of `diallerConfig` says of the way through the tunnel. */
export function wayOf(config: string): Pick<VpnProfile, 'gateway' | 'dns'> & { routes: string[] | 'all' } {
  const words = (pattern: RegExp) =>
    (pattern.exec(config)?.[1] ?? '').split(' ').filter((word) => word !== '');
  const routes = words(/^; routes (.*)$/m);
  return {
    gateway: /^lns = (\S+)$/m.exec(config)?.[1] ?? '',
    routes: routes[0] === 'all' ? 'all' : routes,
    dns: words(/^; dns (.*)$/m),
  };
}
