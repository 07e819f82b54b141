import { asList, asObject, asText, type JsonObject } from '../json.ts';
import { namesInterface, type Packet } from './linux-packet.ts';

/** Named sets and maps of one table, by `@name`. */
export type Sets = ReadonlyMap<string, readonly unknown[]>;

type Condition = (packet: Packet) => boolean;

/** A property of the packet that nft can compare. */
export type Key = {
  isInterface: boolean;
  equals(pattern: unknown, packet: Packet): boolean;
  /** The names that the right side of a comparison lists. */
  names(right: unknown, sets: Sets): string[];
};

/** Null for what narrows nothing: counters, logs, verdicts, marks. */
export function conditionOf(expression: JsonObject, sets: Sets): Condition | null {
  // A limit is a ceiling, not a default.
  if ('limit' in expression || 'quota' in expression || 'ct count' in expression) return () => false;
  const match = asObject(expression['match']);
  return match ? matchOf(match, sets) : null;
}

function matchOf(match: JsonObject, sets: Sets): Condition {
  const { op, left, right } = match;
  const values = valuesOf(right, sets);
  const key = keyOf(left);
  if (op === '!=') {
    return key ? (packet) => !values.some((value) => key.equals(value, packet)) : outside(left);
  }
  if (op !== '==' && op !== 'in') return () => false;
  if (key) return (packet) => values.some((value) => key.equals(value, packet));
  return values.some(isEverything) ? outside(left) : () => false;
}

/** A single value, a list, an anonymous set, or the elements of a named one. */
function valuesOf(right: unknown, sets: Sets): readonly unknown[] {
  if (typeof right === 'string' && right.startsWith('@')) return sets.get(right) ?? [];
  if (Array.isArray(right)) return right;
  const set = asObject(right)?.['set'];
  return Array.isArray(set) ? set : [right];
}

/** `0.0.0.0/0`, or every port. */
function isEverything(value: unknown): boolean {
  const prefix = asObject(asObject(value)?.['prefix']);
  if (prefix) return prefix['len'] === 0;
  const [low, high] = asList(asObject(value)?.['range']);
  return typeof low === 'number' && low <= 1 && high === 65_535;
}

/** A packet from anywhere to any port is outside every particular source or port, if it has such a thing at all. */
function outside(left: unknown): Condition {
  const { protocol, field } = asObject(asObject(left)?.['payload']) ?? {};
  return (packet) => {
    if (field === 'saddr') return protocol === packet.family;
    if (field === 'dport' || field === 'sport') return protocol === packet.protocol || protocol === 'th';
    return false;
  };
}

type Value = (packet: Packet) => string;

const META: Record<string, Value> = {
  iifname: (packet) => packet.interface,
  iif: (packet) => packet.interface,
  nfproto: (packet) => (packet.family === 'ip' ? 'ipv4' : 'ipv6'),
  protocol: (packet) => packet.family,
  l4proto: (packet) => packet.protocol,
  pkttype: () => 'host',
};

const CONNECTION: Record<string, Value> = {
  state: () => 'new',
  direction: () => 'original',
  // A packet that was sent on to another address or port was asked for.
  status: () => 'none',
};

/** What the left side of a comparison reads from the packet, or null when we cannot say. */
export function keyOf(left: unknown): Key | null {
  const expression = asObject(left);
  if (!expression) return null;
  const meta = asText(asObject(expression['meta'])?.['key']) ?? '';
  const value = valueOf(expression, meta);
  if (value === null) return null;
  const isInterface = meta === 'iifname' || meta === 'iif';
  return {
    isInterface,
    equals: (pattern, packet) => equals(pattern, value(packet), isInterface),
    names: (right, sets) =>
      valuesOf(right, sets)
        .map(asText)
        .filter((name) => name !== null),
  };
}

function valueOf(expression: JsonObject, meta: string): Value | null {
  const connection = asText(asObject(expression['ct'])?.['key']) ?? '';
  return (
    own(META, meta) ?? own(CONNECTION, connection) ?? headerValue(expression) ?? destinationType(expression)
  );
}

function own(values: Record<string, Value>, key: string): Value | null {
  return Object.hasOwn(values, key) ? (values[key] ?? null) : null;
}

function headerValue(expression: JsonObject): Value | null {
  const { protocol, field } = asObject(expression['payload']) ?? {};
  if (protocol === 'ip' && field === 'protocol') return protocolIn('ip');
  return protocol === 'ip6' && field === 'nexthdr' ? protocolIn('ip6') : null;
}

/** What comes in is addressed to this computer. */
function destinationType(expression: JsonObject): Value | null {
  const { result, flags } = asObject(expression['fib']) ?? {};
  return result === 'type' && [flags].flat().includes('daddr') ? () => 'local' : null;
}

/** The protocol in the header of this family; a packet of the other family has no such header. */
function protocolIn(family: Packet['family']): Value {
  return (packet) => (packet.family === family ? packet.protocol : 'none');
}

function equals(pattern: unknown, value: string, isInterface: boolean): boolean {
  if (pattern === '*') return true;
  if (typeof pattern !== 'string') return false;
  return isInterface ? namesInterface(pattern, value) : pattern === value;
}
