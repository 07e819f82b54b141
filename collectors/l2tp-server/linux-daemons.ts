import type { FileProblem, Host } from '../check.ts';
import type { Result } from '../../src/base/result.ts';
import { argumentsOf } from '../linux-processes.ts';
import { parseAccelPpp, parseXl2tpd, type Role } from './linux-config.ts';

/** A program that speaks L2TP. */
export type Daemon = {
  /** Name of its process and, with `.service`, of its unit. */
  process: string;
  service: string;
  /** What it does whatever its configuration says, or where that lies and how to read it. */
  role: Role | { config: string; parse: (text: string) => Role };
};

export const daemons: readonly Daemon[] = [
  {
    process: 'xl2tpd',
    service: 'xl2tpd.service',
    role: { config: '/etc/xl2tpd/xl2tpd.conf', parse: parseXl2tpd },
  },
  {
    process: 'accel-pppd',
    service: 'accel-ppp.service',
    role: { config: '/etc/accel-ppp.conf', parse: parseAccelPpp },
  },
  // go-l2tp's daemon dials out only; NetworkManager starts it in place of xl2tpd.
  { process: 'kl2tpd', service: 'kl2tpd.service', role: 'client' },
  { process: 'openl2tpd', service: 'openl2tpd.service', role: 'server' },
  { process: 'l2tpns', service: 'l2tpns.service', role: 'server' },
  // SoftEther serves L2TP/IPsec itself.
  { process: 'vpnserver', service: 'softether-vpnserver.service', role: 'server' },
];

/** What an instance is set up to do, by the configuration that it was started with; `denied` when it may not be read. */
export async function roleOf(host: Host, daemon: Daemon, pid: number | null): Promise<Role | 'denied'> {
  if (typeof daemon.role === 'string') return daemon.role;
  const argv = pid === null ? [] : await argumentsOf(host, pid);
  const config = configIn(argv) ?? daemon.role.config;
  // NetworkManager's own instance; its folder is closed to everybody else.
  if (config.startsWith('/run/nm-l2tp-') || config.startsWith('/var/run/nm-l2tp-')) return 'client';
  return interpret(await host.readText(config), daemon.role.parse);
}

function interpret(text: Result<string, FileProblem>, parse: (text: string) => Role): Role | 'denied' {
  if (text.ok) return parse(text.value);
  return text.error === 'denied' ? 'denied' : 'unknown';
}

/** `-c PATH` or `-cPATH`, which both daemons with a configuration understand. */
function configIn(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word, index) => index > 0 && word.startsWith('-c'));
  const word = argv[at];
  const path = word === '-c' ? argv[at + 1] : word?.slice(2);
  return path?.startsWith('/') ? path : undefined;
}
