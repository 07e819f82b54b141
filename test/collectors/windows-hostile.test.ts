import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ProbeAnswer } from '../../collectors/check.ts';
import { specs, type CheckId } from '../../collectors/specs.ts';
import { parsePhonebook } from '../../collectors/vpn-client/windows-phonebook.ts';
import { windows } from '../../collectors/windows.ts';
import type { Observed } from '../../src/base/reading.ts';
import { loadCases, loadRecording } from '../conformance/cases.ts';
import { answer, hostWith } from './windows-host.ts';

type Probes = Record<string, ProbeAnswer>;
type Machine = { id: string; check: CheckId; probes: Probes };

const fixtures = join(import.meta.dirname, '..', 'fixtures');
const machines = readdirSync(fixtures).flatMap((check): Machine[] => {
  // Their facts come from commands and files, which have tests of their own.
  if (check === 'agent' || check === 'tags') return [];
  const folder = join(fixtures, check, 'windows');
  if (!readdirSync(join(fixtures, check)).includes('windows')) return [];
  return loadCases(folder).map((one) => ({
    id: one.id,
    check: one.check,
    probes: Object.fromEntries(loadRecording(one, folder).probes),
  }));
});

/** Reads a check from these answers; whatever comes out has the form that the server accepts. */
async function readFrom(check: CheckId, probes: Probes): Promise<Observed<unknown>> {
  const observed = await windows[check](hostWith(probes));
  if (observed.state === 'known') {
    const shape = specs[check].fact.safeParse(observed.fact);
    expect(shape.error?.issues ?? []).toEqual([]);
  }
  return observed;
}

/** How good a reading looks to whoever only wants a healthy machine; 0 is unknown or unhealthy. */
const looksHealthy: Partial<Record<CheckId, (fact: never) => boolean>> = {
  'disk-encryption': (fact: { system: string }) => fact.system === 'encrypted',
  antivirus: (fact: { active: string | null }) => fact.active !== null,
  detections: (fact: { open: unknown[] }) => fact.open.length === 0,
  firewall: (fact: { state: string }) => fact.state === 'on',
  'secure-boot': (fact: { secureBoot: string }) => fact.secureBoot === 'on',
  'l2tp-server': (fact: { verdict: string }) => fact.verdict !== 'server',
  'screen-lock': (fact: { users: { enabled: boolean | null }[] }) =>
    fact.users.every((one) => one.enabled === true),
  'os-patch': (fact: { pendingSecurity: number | null }) => fact.pendingSecurity === 0,
};

function isHealthy(check: CheckId, observed: Observed<unknown>): boolean {
  return observed.state === 'known' && looksHealthy[check]?.(observed.fact as never) === true;
}

/** Without these, Windows' own default counts, which may be better than what was set. */
const DEFAULTS_COUNT = new Set([
  'DefaultInboundAction',
  'ScreenSaveActive',
  'ScreenSaveTimeOut',
  'InactivityTimeoutSecs',
  'L2tpPorts',
  'Name',
  'ThreatStatusID',
  'CategoryIDs',
  'MsrcSeverity',
]);

/** The same machine with one property of one row not stated. */
function withoutProperty({ probes }: Machine): { property: string; probes: Probes }[] {
  return Object.entries(probes).flatMap(([probe, one]) => {
    if (!one.ok || typeof one.data !== 'object' || one.data === null) return [];
    const rows: unknown[] = Array.isArray(one.data) ? one.data : [one.data];
    return rows.flatMap((row, index) =>
      Object.keys(row as object)
        .filter((property) => !DEFAULTS_COUNT.has(property))
        .map((property) => ({
          property,
          probes: { ...probes, [probe]: answer(rows.with(index, { ...(row as object), [property]: null })) },
        })),
    );
  });
}

describe('a machine that states less', () => {
  test.each(machines)('$id never looks healthier', async (machine) => {
    const whole = isHealthy(machine.check, await readFrom(machine.check, machine.probes));
    for (const { property, probes } of withoutProperty(machine)) {
      const observed = await readFrom(machine.check, probes);
      expect(isHealthy(machine.check, observed) && !whole, property).toBe(false);
    }
  });

  test.each(machines)(
    '$id: an answer that failed is never read as "nothing there"',
    async ({ check, probes }) => {
      const failed: ProbeAnswer = {
        ok: false,
        ms: 0,
        fqid: 'OutOfTime',
        hresult: 0x80041069 | 0,
        message: '',
      };
      const none = Object.fromEntries(Object.keys(probes).map((name) => [name, failed]));
      const observed = await readFrom(check, none);
      expect(observed).toMatchObject({ state: 'unknown', why: 'timeout' });
    },
  );
});

const garbage = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom('Ja', 'Oui', 'Aktiviert', '\u0000', '�', 'ÿþ', 4_294_967_295, -1, 1e308, 2 ** 53),
  // What JSON can hold and `String()` cannot say.
  fc.constant({ toString: null }),
  fc.string({ maxLength: 2000 }),
);

describe('garbage', () => {
  test.each(machines)('$id: any property may hold anything', async (machine) => {
    const variants = withoutProperty(machine);
    if (variants.length === 0) return;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...variants), garbage, async ({ property, probes }, value) => {
        const spoiled = Object.entries(probes).map(([name, one]) => [name, replaced(one, property, value)]);
        await readFrom(machine.check, Object.fromEntries(spoiled));
      }),
      { numRuns: 30 },
    );
  });

  test.each(machines)('$id: any answer may be anything', async ({ check, probes }) => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(probes)), garbage, async (probe, data) => {
        await readFrom(check, { ...probes, [probe]: answer(data) });
      }),
      { numRuns: 30 },
    );
  });

  test.each(machines)('$id: a thousand times as many rows stay within bounds', async ({ check, probes }) => {
    const many = Object.entries(probes).map(([name, one]) => [name, multiplied(one)]);
    const observed = await readFrom(check, Object.fromEntries(many));
    expect(JSON.stringify(observed).length).toBeLessThan(200_000);
  });
});

function replaced(one: ProbeAnswer, property: string, value: unknown): ProbeAnswer {
  if (!one.ok) return one;
  const put = (row: unknown) =>
    typeof row === 'object' && row !== null && property in row ? { ...row, [property]: value } : row;
  return { ...one, data: Array.isArray(one.data) ? one.data.map(put) : put(one.data) };
}

function multiplied(one: ProbeAnswer): ProbeAnswer {
  if (!one.ok || !Array.isArray(one.data)) return one;
  const rows: unknown[] = one.data;
  return { ...one, data: Array.from({ length: 1000 }, () => rows).flat() };
}

describe('phone books, which people can write', () => {
  const book =
    '[One]\r\nType=2\r\nVpnStrategy=3\r\nPhoneNumber=a\r\nPhoneNumber=b\r\n\r\n[Two]\r\nVpnStrategy=1\r\n';

  test('the first of repeated keys counts', () => {
    const [one, two] = parsePhonebook(`\uFEFF${book}`);
    expect([one?.name, one?.values.get('PhoneNumber'), two?.name]).toEqual(['One', 'a', 'Two']);
  });

  test('cut off anywhere, no entry is invented', () => {
    fc.assert(
      fc.property(fc.nat(book.length), (length) => {
        const names = parsePhonebook(book.slice(0, length)).map((entry) => entry.name);
        expect(['One', 'Two'].slice(0, names.length)).toEqual(names);
      }),
    );
  });

  test('random text and endless files are bounded', () => {
    fc.assert(fc.property(fc.string({ maxLength: 2000 }), (text) => parsePhonebook(text).length <= 200));
    expect(parsePhonebook('[x]\n'.repeat(100_000))).toHaveLength(200);
    expect(
      parsePhonebook(`[x]\nPhoneNumber=${'9'.repeat(100_000)}`)[0]?.values.get('PhoneNumber'),
    ).toHaveLength(500);
  });
});
