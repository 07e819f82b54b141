import { parseIp, stringifyIp } from 'ip-bigint';
import { z } from 'zod';
import type { Host } from '../../../collectors/check.ts';
import { STATUS } from '../../wire/order.ts';

const port = z.number().int().min(1).max(65_535);
const address = z.union([z.ipv4(), z.ipv6()]).transform(canonicalAddress);

/** Somebody who stays reachable: one service of a host, or all of it in both directions. */
export const reachable = z.discriminatedUnion('protocol', [
  z.strictObject({ address, protocol: z.enum(['tcp', 'udp']), port }),
  z.strictObject({ address, protocol: z.literal('any') }),
]);
export type Reachable = z.output<typeof reachable>;

/** Besides these, loopback and DHCP go on: without an address of its own the computer reaches nobody. */
export const isolationWant = z.strictObject({ reach: z.array(reachable).max(256) });
export type IsolationWant = z.output<typeof isolationWant>;

/** What was observed: `unknown` where it could not be looked at or is no longer ours, with the reason in `problems`. */
export type IsolationState = {
  state: 'isolated' | 'none' | 'unknown';
  /** Who can be reached in spite of it, sorted. */
  reach: Reachable[];
  problems: string[];
};

/**
 * Cuts this computer off from everybody whom `want` does not name, in both directions, open connections included.
 * Wanted states are idempotent. Both answer with what was seen afterwards and throw `IsolationFailure` where it is not
 * what was wanted. It holds in the kernel without this process; what a restart of the computer leaves of it differs,
 * so whoever wants it applies it again at the start.
 */
export interface Isolation {
  inspect(signal?: AbortSignal): Promise<IsolationState>;
  apply(want: IsolationWant, signal?: AbortSignal): Promise<IsolationState>;
  /** Takes away what `apply` put there and nothing else; where there is nothing, that is fine. */
  lift(signal?: AbortSignal): Promise<IsolationState>;
}

/** `status` is an OpenC2 code (see `src/wire/order.ts`). The message is for the administrator. */
export class IsolationFailure extends Error {
  readonly status: number;
  readonly seen: IsolationState | null;

  constructor(message: string, seen: IsolationState | null = null, status: number = STATUS.failed) {
    super(message);
    this.status = status;
    this.seen = seen;
  }
}

/** Whoever is to stay reachable, each in its one form; throws `IsolationFailure` with 400 where one is no address. */
export function checkedReach(want: IsolationWant): Reachable[] {
  const parsed = isolationWant.safeParse(want);
  if (parsed.success) return sortedReach(parsed.data.reach);
  throw new IsolationFailure(z.prettifyError(parsed.error).slice(0, 500), null, STATUS.malformed);
}

/** The part of a host that isolation needs. */
export type IsolationHost = Pick<Host, 'run'>;

/** One form for each address: IPv6 compressed, IPv4 written as IPv6 as what it is. */
export function canonicalAddress(text: string): string {
  const parsed = parseIp(text);
  if (parsed.version === 6 && parsed.ipv4mapped === true)
    return stringifyIp({ number: parsed.number & 0xffff_ffffn, version: 4 });
  return stringifyIp(parsed);
}

/** Each once, in one order, so that two lists can be compared. */
export function sortedReach(reach: readonly Reachable[]): Reachable[] {
  const byText = new Map(reach.map((one) => [textOfReach(one), one]));
  return [...byText.keys()].toSorted().flatMap((text) => byText.get(text) ?? []);
}

/** `tcp 203.0.113.1 443`, `any 2001:db8::1`. */
export function textOfReach(one: Reachable): string {
  return one.protocol === 'any' ? `any ${one.address}` : `${one.protocol} ${one.address} ${one.port}`;
}

/** The reverse of `textOfReach`; null for anything else. */
export function reachOfText(text: string): Reachable | null {
  const [protocol, address, port, ...more] = text.split(' ');
  const read = protocol === 'any' ? { protocol, address } : { protocol, address, port: Number(port) };
  return more.length > 0 || (protocol === 'any' && port !== undefined)
    ? null
    : (reachable.safeParse(read).data ?? null);
}

export function sameReach(a: readonly Reachable[], b: readonly Reachable[]): boolean {
  const [first, second] = [a, b].map((list) => sortedReach(list).map(textOfReach).join('\n'));
  return first === second;
}
