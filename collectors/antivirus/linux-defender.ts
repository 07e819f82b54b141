import { mdatp } from '../../src/base/commands.ts';
import { iso } from '../../src/base/clock.ts';
import { asList, asObject, asText, parseJson, type JsonObject } from '../json.ts';
import { ask, isUnitActive, unread, vendor, type Product } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

const VENDOR = 'Microsoft';
const NAME = 'Microsoft Defender for Endpoint';

export const defender = vendor({
  find: (host) => ask(host, mdatp, ['health', '--output', 'json']),
  async read(host, health) {
    const product = parseMdatpHealth(health.stdout);
    if (product) return product;
    // A daemon that is down answers nothing; that it is down is an answer.
    const down = health.code !== 0 && (await isUnitActive(host, 'mdatp.service')) === false;
    return down
      ? installedProduct(VENDOR, NAME, { running: false, realtime: false, mode: 'off' })
      : unread(host, 'mdatp health', health);
  },
});

/**
 * `mdatp health --output json`; null when it is not that. `healthy` alone means little: it stays true in passive mode
 * with real-time protection off.
 */
export function parseMdatpHealth(text: string): Product | null {
  const health = asObject(parseJson(text));
  const realtimeSetting = value(health, 'realTimeProtectionEnabled');
  if (!health || typeof realtimeSetting !== 'boolean') return null;
  const passive = value(health, 'passiveModeEnabled');
  const licensed = value(health, 'licensed');
  const realtime = realtimeSetting && licensed !== false;
  return installedProduct(VENDOR, NAME, {
    version: asText(value(health, 'appVersion')),
    running: true,
    realtime,
    mode: passive === true ? 'passive' : realtime ? 'active' : 'off',
    definitionsVersion: asText(value(health, 'definitionsVersion')),
    definitionsAt: parseEpoch(value(health, 'definitionsUpdated')),
    upToDate: isUpToDate(health),
    tamperProtection: isTamperProof(value(health, 'tamperProtection')),
    health: ailments(health),
  });
}

/** Settings come bare, or wrapped with who manages them. */
function value(health: JsonObject | null, key: string): unknown {
  const field = health?.[key];
  const wrapped = asObject(field);
  return wrapped && 'value' in wrapped ? wrapped['value'] : field;
}

/** Milliseconds since the epoch, as a string or a number; 0 stands for never. */
function parseEpoch(time: unknown): string | null {
  const ms = Number(time);
  return (typeof time === 'string' || typeof time === 'number') && ms > 0 && ms < 1e14 ? iso(ms) : null;
}

function isUpToDate(health: JsonObject): boolean | null {
  const status = health['definitionsStatus'];
  const type = asText(asObject(status)?.['$type']) ?? asText(value(health, 'definitionsStatus'));
  return type === null ? null : type === 'upToDate';
}

/** `audit` reports tampering and lets it happen. */
function isTamperProof(word: unknown): boolean | null {
  return typeof word === 'string' ? word === 'block' : null;
}

const MAX_AILMENTS = 20;

function ailments(health: JsonObject): string[] {
  const issues = asList(health['healthIssues']).filter((issue) => typeof issue === 'string');
  const own = [
    value(health, 'healthy') === false ? ['unhealthy'] : [],
    value(health, 'licensed') === false ? ['not-licensed'] : [],
  ];
  return [...own.flat(), ...issues].slice(0, MAX_AILMENTS);
}
