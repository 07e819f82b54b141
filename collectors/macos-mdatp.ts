import { macMdatp } from '../src/base/commands.ts';
import { err, ok, type Result } from '../src/base/result.ts';
import type { Host, Output } from './check.ts';
import { parseJson } from './json.ts';
import { at, isDictionary, linesOf } from './macos-values.ts';

/** `mdatp health` by its JSON names (`realTimeProtectionEnabled`), values unwrapped. */
export type MdatpHealth = ReadonlyMap<string, unknown>;

/** Null when Defender is not installed; the error is what it said instead of its health. */
export async function readMdatpHealth(host: Host): Promise<Result<MdatpHealth, Output> | null> {
  const json = await host.run(macMdatp, ['health', '--output', 'json']);
  const health = parseMdatpJson(json.stdout);
  if (health) return ok(health);
  const text = await host.run(macMdatp, ['health']);
  if (json.failure === 'not-found' && text.failure === 'not-found') return null;
  const plain = parseMdatpText(text.stdout);
  return plain ? ok(plain) : err(text);
}

/** Some values stand plain, some as `{ value, displayValue, isManaged }`, some as `{ $type }`. */
export function parseMdatpJson(text: string): MdatpHealth | null {
  const document = parseJson(text.slice(Math.max(0, text.indexOf('{'))));
  if (!isDictionary(document) || !('healthy' in document)) return null;
  return new Map(Object.entries(document).map(([key, value]) => [key, unwrap(value)]));
}

function unwrap(value: unknown): unknown {
  return at(value, 'value') ?? at(value, '$type') ?? value;
}

/** `snake_case : value` lines, after any `ATTENTION:` line. Its dates are in the user's format: of no use. */
export function parseMdatpText(text: string): MdatpHealth | null {
  const entries = linesOf(text).flatMap((line) => {
    const match = /^(?!ATTENTION)([A-Za-z][\w]*) *: (.+?)(?: \[managed\])?\s*$/.exec(line);
    return match ? [[camelCase(match[1] ?? ''), parseJson(match[2] ?? '') ?? match[2]] as const] : [];
  });
  const health = new Map<string, unknown>(entries);
  return health.has('healthy') || health.has('appVersion') ? health : null;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}
