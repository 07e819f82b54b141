import type { Host } from '../check.ts';
import { namesInterface, type Family } from './linux-packet.ts';

/** The families that this kernel speaks; IPv6 counts unless it is switched off for every interface. */
export async function ipFamilies(host: Host): Promise<Family[]> {
  const compiled = await host.list('/proc/sys/net');
  if (compiled.ok && compiled.value.includes('ipv4') && !compiled.value.includes('ipv6')) return ['ip'];
  const disabled = await host.readText('/proc/sys/net/ipv6/conf/all/disable_ipv6');
  return disabled.ok && disabled.value.trim() === '1' ? ['ip'] : ['ip', 'ip6'];
}

/** Bridges, tunnels and containers: what comes in there is this computer's own, or the company's. */
const VIRTUAL =
  /^(lo|docker|br-|virbr|veth|vnet|lxc|lxd|incus|podman|cni|flannel|cali|tailscale|ts|tun|tap|wg|zt|ppp|l2tp|ipsec|vti|ip_vti|gre|sit|vxlan|dummy|ifb|nordlynx|proton|mullvad|waydroid|anbox)/;

const MAX_NAMES = 64;

/** Of the interfaces that the rules name, those through which strangers can come in. */
export async function realInterfaces(host: Host, named: readonly string[]): Promise<string[]> {
  const candidates = [...new Set(named)]
    .filter((name) => name !== '' && !VIRTUAL.test(name))
    .slice(0, MAX_NAMES);
  const here = await host.list('/sys/class/net');
  if (!here.ok) return candidates;
  return here.value.filter(
    (name) => candidates.some((pattern) => namesInterface(pattern, name)) && !VIRTUAL.test(name),
  );
}
