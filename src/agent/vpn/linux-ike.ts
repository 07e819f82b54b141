import type { Host, Output } from '../../../collectors/check.ts';
import {
  parseStatusAll,
  parseTrafficStatus,
  isL2tpSelector,
} from '../../../collectors/vpn-client/linux-associations.ts';
import {
  parseVici,
  sectionOf,
  sectionsOf,
  textOf,
  type Tree,
} from '../../../collectors/vpn-client/linux-vici.ts';
import { ipsec, swanctl, type Command } from '../../base/commands.ts';
import { hasIkeDaemon } from './linux-absent.ts';
import { act, type Tools } from './linux-tools.ts';

/** An IPsec tunnel, up or coming up, and how its daemon is told to end it and nothing else. */
export type Tunnel = {
  name: string;
  peer: string | null;
  /** Null where the daemon does not show what it carries. */
  l2tp: boolean | null;
  up: boolean;
  ending: { command: Command; argv: readonly string[] };
};

/** Null when no IKE daemon runs. */
export async function readTunnels(host: Host): Promise<Tunnel[] | null> {
  if (!(await hasIkeDaemon(host))) return null;
  const vici = await host.run(swanctl, ['--list-sas', '--raw']);
  if (/^list-sas reply/m.test(vici.stdout)) return parseViciTunnels(vici.stdout);
  const status = await host.run(ipsec, ['statusall']);
  const shown = parseStatusAll(status.stdout);
  if (shown) return shown.map((one) => tunnel(one, ['down', one.name ?? '']));
  const traffic = await host.run(ipsec, ['trafficstatus']);
  if (traffic.code !== 0) return null;
  return parseTrafficStatus(traffic.stdout).map((one) =>
    tunnel(one, ['whack', '--name', one.name ?? '', '--terminate']),
  );
}

function tunnel(
  { name, peer, l2tp }: { name: string | null; peer: string | null; l2tp: boolean | null },
  argv: readonly string[],
): Tunnel {
  return { name: name ?? '', peer, l2tp, up: true, ending: { command: ipsec, argv } };
}

/** Seconds that strongSwan may wait for the peer's answer to a DELETE (IKEv1 has none). */
const DELETE_TIMEOUT_S = '2';

/** `swanctl --list-sas --raw`: an association that carries something else as well ends by its L2TP children only. */
export function parseViciTunnels(text: string): Tunnel[] {
  const events = text.split('\n').filter((line) => line.startsWith('list-sa event '));
  return events.flatMap((line) =>
    sectionsOf(sectionOf(parseVici(line.slice('list-sa '.length)), 'event')).flatMap(tunnelsOf),
  );
}

function tunnelsOf([name, ike]: [string, Tree]): Tunnel[] {
  const children = sectionsOf(sectionOf(ike, 'child-sas'))
    .map(([, child]) => child)
    .filter((child) => textOf(child, 'state') !== 'DELETED');
  const kinds = new Set(children.map(carriesL2tp));
  const peer = textOf(ike, 'remote-host');
  if (kinds.size > 1)
    return children.map((child) => ({
      name: textOf(child, 'name') ?? name,
      peer,
      l2tp: carriesL2tp(child),
      up: true,
      ending: ending('--child-id', child),
    }));
  const [l2tp = null] = kinds;
  return [{ name, peer, l2tp, up: children.length > 0, ending: ending('--ike-id', ike) }];
}

function ending(flag: '--ike-id' | '--child-id', tree: Tree): Tunnel['ending'] {
  const id = textOf(tree, 'uniqueid') ?? '';
  return { command: swanctl, argv: ['--terminate', flag, id, '--timeout', DELETE_TIMEOUT_S, '--force'] };
}

function carriesL2tp(child: Tree): boolean {
  return isL2tpSelector(textOf(child, 'local-ts')) || isL2tpSelector(textOf(child, 'remote-ts'));
}

/** Milliseconds for one tunnel's end: the daemon's own limit and a busy machine. */
const END_TIMEOUT_MS = 6_000;

export async function endTunnel(tools: Tools, { ending: { command, argv } }: Tunnel): Promise<Output> {
  return act(tools, 'ike end', command, argv, { timeoutMs: END_TIMEOUT_MS });
}
