import { isIP } from 'node:net';
import { z } from 'zod';
import { askExtraRows } from '../../../collectors/windows-probe.ts';
import { integer, listOf, text } from '../../../collectors/windows-values.ts';
import { STATUS } from '../../wire/order.ts';
import { VpnFailure, type VpnState } from './driver.ts';
import { readBook } from './windows-book.ts';
import { DIRECTION, numbered, PROTOCOL, type Blocking } from './windows-firewall.ts';
import { actAndLook, problemIn, type WindowsTools } from './windows-tools.ts';
import { describeScope, GROUP, isInScope } from './windows-view.ts';

type Target = { id: string; name: string; gateway: string | null };

/**
 * Cut first, by rules that need no answer from the VPN software, then hung up. The phone book of all users is known
 * before PowerShell runs, so one process does it; people's own connections turn up on the way and need a second.
 */
export async function deny(tools: WindowsTools, profiles: readonly string[] | null): Promise<VpnState> {
  const known = (await readBook(tools.host)).filter((entry) => isInScope(entry, profiles));
  const first = await denyOnce(tools, profiles, known);
  const found = targetsIn(first.seen, profiles);
  const others = found.filter((one) => !known.some((earlier) => earlier.name === one.name));
  const last = others.length === 0 ? first : await denyOnce(tools, profiles, [...known, ...others]);
  if (profiles !== null && known.length + others.length === 0)
    throw new VpnFailure(`There is no VPN connection ${profiles.join(', ')}.`, STATUS.notFound, last.seen);
  const problems = [...last.problems, ...unmet(last.seen, profiles)];
  if (problems.length > 0) throw new VpnFailure(problems.join('; '), STATUS.failed, last.seen);
  return last.seen;
}

function targetsIn({ profiles }: VpnState, scope: readonly string[] | null): Target[] {
  return profiles.filter((one) => isInScope(one, scope));
}

const gatewayRow = z.object({ name: text, addresses: listOf(text) });
const hungUpRow = z.object({ name: text, code: integer });

async function denyOnce(tools: WindowsTools, profiles: readonly string[] | null, targets: readonly Target[]) {
  const { lookup, seen } = await actAndLook(tools, {
    files: ['src/agent/vpn/windows-deny.ps1'],
    probes: ['block', 'cut', 'gateways', 'replaced', 'hungUp'],
    want: denyWant(tools.generation(), profiles, targets),
  });
  const asked = { ...tools.host, probe: async (name: string) => lookup(name) };
  const gateways = await askExtraRows(asked, 'gateways', gatewayRow);
  const hungUp = await askExtraRows(asked, 'hungUp', hungUpRow);
  for (const { name, code } of hungUp)
    if (code !== 0) tools.log.info({ name, code }, 'rasdial could not hang up');
  const unresolved = gateways.filter(({ addresses }) => (addresses ?? []).length === 0);
  const problems = ['block', 'cut', 'gateways', 'replaced'].flatMap((step) => problemIn(lookup, step) ?? []);
  // Where L2TP to anybody is blocked, a gateway without an address is no way out.
  if (profiles !== null)
    problems.push(
      ...unresolved.map(({ name }) => `the gateway ${name} has no address now, so it cannot be blocked`),
    );
  return { seen, problems };
}

/** What the script is told. Exported for the tests of what it does not do. */
export function denyWant(generation: string, profiles: readonly string[] | null, targets: readonly Target[]) {
  const gateways = [...new Set(targets.flatMap(({ gateway }) => gateway ?? []))];
  const addresses = gateways.filter((one) => isIP(one) !== 0);
  const names = gateways.filter((one) => isIP(one) === 0);
  const fixed = [
    ...(profiles === null ? L2TP : []),
    ...(addresses.length === 0 ? [] : rulesTo(addresses.join(','))),
  ];
  const rules = numbered(GROUP, generation, fixed);
  return {
    rules: rules.map((rule, index) =>
      index === 0 ? { ...rule, description: describeScope(profiles) } : rule,
    ),
    cutName: `${GROUP} ${generation} session {0}`,
    gateways: names.map((name) => ({
      name,
      rules: numbered(`${GROUP} ${name}`, generation, rulesTo()).map((rule) => ({
        ...rule,
        description: describeScope(profiles),
      })),
    })),
    keep: [],
    names: targets.map(({ name }) => name).filter(isPlainName),
  };
}

const { in: IN, out: OUT } = DIRECTION;

/** L2TP itself, to whomever. Windows speaks it as UDP 1701 before IPsec wraps it, so plain L2TP is among it. */
const L2TP: readonly Blocking[] = [
  { direction: OUT, protocol: PROTOCOL.udp, remotePorts: '1701' },
  { direction: IN, protocol: PROTOCOL.udp, remotePorts: '1701' },
];

/** All that an L2TP/IPsec connection to a gateway consists of. */
function rulesTo(remoteAddresses?: string): Blocking[] {
  const to = remoteAddresses === undefined ? {} : { remoteAddresses };
  return [
    { direction: OUT, protocol: PROTOCOL.udp, remotePorts: '500,1701,4500', ...to },
    { direction: IN, protocol: PROTOCOL.udp, remotePorts: '500,1701,4500', ...to },
    { direction: OUT, protocol: PROTOCOL.esp, ...to },
    { direction: IN, protocol: PROTOCOL.esp, ...to },
  ];
}

/** PowerShell 5.1 does not quote a quotation mark in an argument, and rasdial takes a leading slash as an option. */
function isPlainName(name: string): boolean {
  return !/["\u201c-\u201e]|^[/@]|\\$/.test(name);
}

/** What still stands in spite of it all. */
function unmet(seen: VpnState, scope: readonly string[] | null): string[] {
  const live = seen.profiles.filter((one) => isInScope(one, scope) && one.state === 'up');
  return [
    ...(seen.block === 'holding' ? [] : ['the block does not hold', ...seen.problems]),
    ...live.map(({ name }) => `${name} is still connected`),
  ];
}
