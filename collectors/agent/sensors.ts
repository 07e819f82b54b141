import type { Host } from '../check.ts';
import { asObject, parseJson, type JsonObject } from '../json.ts';
import type { Command } from '../../src/base/commands.ts';

/*
 * The ids by which security products know a device. Each parser takes what the product prints and answers the id,
 * or null when there is none; the rest of the output (site keys, customer ids) is dropped here.
 */

const ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;

/** `falconctl -g --aid`: `aid="44e3…".`, or `aid is not set.` on a sensor that never registered. */
export function parseFalconAid(text: string): string | null {
  return checked(/\baid="?([0-9a-f]{32})"?/i.exec(text)?.[1]);
}

/** `mdatp health --output json`. The value is bare or wrapped as `{ value }`, by version. */
export function parseDefenderId(text: string): string | null {
  const health = parseObject(text);
  const id = health['edrMachineId'];
  return checked(typeof id === 'object' && id !== null && 'value' in id ? id.value : id);
}

/** `sentinelctl management status`: lines `UUID   <id>` or `UUID: <id>`. */
export function parseSentinelOneUuid(text: string): string | null {
  return checked(/^[ \t]*UUID(?: *:|[ \t]{2})[ \t]*(\S+)[ \t]*$/im.exec(text)?.[1]);
}

/** `client.keys`: `<id> <name> <address> <key>`; removed agents have their name after `!` or `#`. */
export function parseWazuhKeys(text: string): string | null {
  const [id, name = '!'] = text.split('\n')[0]?.trim().split(/\s+/) ?? [];
  return id !== undefined && /^\d{3,10}$/.test(id) && !/^[!#]/.test(name) ? id : null;
}

/** Runs a product's own tool; null when it is not installed or does not answer. */
export async function idFrom(
  host: Host,
  command: Command,
  argv: readonly string[],
  parse: (text: string) => string | null,
): Promise<string | null> {
  const { failure, stdout } = await host.run(command, argv, { timeoutMs: 4_000 });
  return failure === null ? parse(stdout) : null;
}

function checked(id: unknown): string | null {
  return typeof id === 'string' && ID.test(id) ? id : null;
}

function parseObject(text: string): JsonObject {
  return asObject(parseJson(text)) ?? {};
}
