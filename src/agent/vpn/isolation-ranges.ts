import { parseIp, stringifyIp } from 'ip-bigint';

/** Numbers from the first to the last, both included. */
export type Range = readonly [first: bigint, last: bigint];
export type Family = 4 | 6;

/** What is left of `whole` without `holes`, in order. */
export function without(whole: readonly Range[], holes: readonly Range[]): Range[] {
  return whole.flatMap((range) =>
    holes.reduce<Range[]>((left, hole) => left.flatMap((one) => cut(one, hole)), [range]),
  );
}

function cut([first, last]: Range, [from, to]: Range): Range[] {
  if (to < first || from > last) return [[first, last]];
  const pieces: Range[] = [
    [first, from - 1n],
    [to + 1n, last],
  ];
  return pieces.filter(([start, end]) => start <= end);
}

export function rangeOf(first: string, last = first): Range {
  return [parseIp(first).number, parseIp(last).number];
}

export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4;
}

/** `192.0.2.1-192.0.2.9,192.0.2.11`; empty for nothing. */
export function textOfRanges(ranges: readonly Range[], version: Family): string {
  return ranges
    .map(([first, last]) => [first, last].map((number) => stringifyIp({ number, version })))
    .map(([first = '', last = '']) => (first === last ? first : `${first}-${last}`))
    .join(',');
}

/** All ports but these: `1-66,68-65535`. */
export function portsBut(ports: readonly number[]): string {
  const holes = ports.map((port): Range => [BigInt(port), BigInt(port)]);
  return without([[1n, 65_535n]], holes)
    .map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
    .join(',');
}
