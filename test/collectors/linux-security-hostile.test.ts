import fc from 'fast-check';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseFields } from '../../collectors/antivirus/linux-vendor.ts';
import { parseDatabaseHeader } from '../../collectors/antivirus/linux-clamav.ts';
import { parseFalcon } from '../../collectors/antivirus/linux-falcon.ts';
import { parseMdatpHealth } from '../../collectors/antivirus/linux-defender.ts';
import { parseClamLog } from '../../collectors/detections/linux-clamav.ts';
import { parseThreatList } from '../../collectors/detections/linux-defender.ts';
import { parseZones } from '../../collectors/firewall/linux-firewalld.ts';
import { parseIptablesSave } from '../../collectors/firewall/linux-iptables.ts';
import { parseNftRuleset } from '../../collectors/firewall/linux-nft.ts';
import { judge } from '../../collectors/firewall/linux.ts';
import { parseUfwStatus } from '../../collectors/firewall/linux-ufw.ts';
import { parseIni } from '../../collectors/linux-ini.ts';
import { linux } from '../../collectors/linux.ts';
import { parseLockerConfig } from '../../collectors/screen-lock/linux-kde.ts';
import { parseSession } from '../../collectors/screen-lock/linux-sessions.ts';
import { parseMokutil } from '../../collectors/secure-boot/linux.ts';
import { specs, type CheckId, type Fact } from '../../collectors/specs.ts';
import {
  parseListSas,
  parseStatusAll,
  parseTrafficStatus,
  parseXfrmState,
} from '../../collectors/vpn-client/linux-associations.ts';
import { parseIpsecConf } from '../../collectors/vpn-client/linux-ipsec-conf.ts';
import { parseConnection, parseRow, parseVpnData } from '../../collectors/vpn-client/linux-nmcli.ts';
import { parseLinks, parsePppol2tp } from '../../collectors/vpn-client/linux-ppp.ts';
import { parseSwanctlConf, parseVici } from '../../collectors/vpn-client/linux-vici.ts';
import { parseLacs } from '../../collectors/vpn-client/linux-xl2tpd.ts';
import { replayHost, type Recording } from '../../src/agent/replay.ts';
import { loadCases, loadRecording } from '../conformance/cases.ts';
import { cpuTimer } from '../support/cpu-time.ts';

const CHECKS = [
  'antivirus',
  'detections',
  'firewall',
  'screen-lock',
  'secure-boot',
  'vpn-client',
] as const satisfies CheckId[];
type Check = (typeof CHECKS)[number];

type Sample = { id: string; check: Check; recording: Recording };

const samples = CHECKS.flatMap((check) => {
  const folder = join(import.meta.dirname, '..', 'fixtures', check, 'linux');
  return loadCases(folder).map((one): Sample => ({
    id: one.id,
    check,
    recording: loadRecording(one, folder),
  }));
});

/** What each check would gladly hear, as a set of claims. Damage may take claims away, never add one. */
const claims: { [Id in Check]: (fact: Fact<Id>) => string[] } = {
  antivirus: (fact) => (fact.active === null ? [] : [fact.active]),
  detections: (fact) => fact.open.map((one) => `not all is well: ${one.name}`),
  firewall: (fact) => (fact.state === 'on' ? ['on'] : []),
  'screen-lock': (fact) =>
    fact.users.filter((user) => user.enabled === true && user.idleSeconds !== 0).map((user) => user.session),
  'secure-boot': (fact) => (fact.secureBoot === 'on' ? ['on'] : []),
  'vpn-client': (fact) =>
    fact.profiles.filter((one) => one.ipsec === true && one.state === 'up').map((one) => one.id),
};

/** Their second line alone says that the first does not hold: no reader can miss what was never printed. */
const INDISTINGUISHABLE = new Set(['linux/secure-boot/mokutil-shim-off']);

async function claimsOf<Id extends Check>(check: Id, recording: Recording): Promise<string[]> {
  const answer = await linux[check](replayHost(recording));
  if (answer.state === 'unknown') return [];
  const fact = specs[check].fact.safeParse(answer.fact);
  expect(fact.error).toBeUndefined();
  const claim = claims[check] as (fact: unknown) => string[];
  return claim(answer.fact);
}

/** The same machine with every answer and file passed through `change`. */
function changed(recording: Recording, change: (bytes: Buffer) => Buffer): Recording {
  const text = (old: string) => change(Buffer.from(old)).toString('utf8');
  return {
    ...recording,
    commands: recording.commands.map((one) => ({
      ...one,
      stdout: text(one.stdout),
      stderr: text(one.stderr),
    })),
    files: new Map([...recording.files].map(([path, bytes]) => [path, change(Buffer.from(bytes))])),
  };
}

const firstLines = (count: number) => (bytes: Buffer) =>
  Buffer.from(bytes.toString('latin1').split('\n').slice(0, count).join('\n'), 'latin1');

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(active|enabled|on|running)\b/gi, 'aktiviert'],
  [/\b(yes|true)\b/gi, 'ja'],
  [/\b(no|false)\b/gi, 'nein'],
  [/\b(default|status|state)\b/gi, 'zustand'],
];

/** Words of people change with the language, keys of JSON do not. */
function inAnotherLanguage(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  if (/^\s*[{[]/.test(text)) return bytes;
  return Buffer.from(
    WORDS.reduce((words, [word, other]) => words.replaceAll(word, other), text),
    'latin1',
  );
}

const lineEnds = (ending: string) => (bytes: Buffer) =>
  Buffer.from(bytes.toString('latin1').replaceAll('\n', ending), 'latin1');

const damages: readonly [string, (bytes: Buffer) => Buffer][] = [
  ['empty', () => Buffer.alloc(0)],
  ['in UTF-16', (bytes) => Buffer.from(bytes.toString('utf8'), 'utf16le')],
  ['of another language', inAnotherLanguage],
  ['ten times over', (bytes) => Buffer.concat(Array.from({ length: 10 }, () => bytes))],
  ['without line ends', lineEnds(' ')],
  ['with Windows line ends', lineEnds('\r\n')],
];

describe.each(samples)('$id', ({ id, check, recording }) => {
  test('truncated at any line claims nothing that the whole does not', async () => {
    const whole = new Set(await claimsOf(check, recording));
    const answers = [
      ...recording.commands.map(({ stdout }) => stdout),
      ...[...recording.files.values()].map(String),
    ];
    const most = Math.max(0, ...answers.map((answer) => answer.split('\n').length));
    for (let count = 0; count < most; count += 1) {
      const left = await claimsOf(check, changed(recording, firstLines(count)));
      const added = left.filter((claim) => !whole.has(claim));
      expect(INDISTINGUISHABLE.has(id) ? [] : added, `first ${count} lines`).toEqual([]);
    }
  });

  test.each(damages)('%s claims nothing that the whole does not', async (_name, change) => {
    const whole = new Set(await claimsOf(check, recording));
    const left = await claimsOf(check, changed(recording, change));
    expect(left.filter((claim) => !whole.has(claim))).toEqual([]);
  });

  test('made of random bytes claims nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (noise) => {
        expect(
          await claimsOf(
            check,
            changed(recording, () => Buffer.from(noise)),
          ),
        ).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });
});

const parsers: Record<string, (text: string) => unknown> = {
  parseFields,
  parseDatabaseHeader,
  parseFalcon,
  parseMdatpHealth,
  parseClamLog,
  parseThreatList,
  parseZones,
  parseIptablesSave: (text) => parseIptablesSave(text, 'ip', 'ip filter'),
  parseNftRuleset,
  parseUfwStatus,
  parseIni,
  parseLockerConfig,
  parseSession: (text) => parseSession('1', text),
  parseMokutil,
  parseListSas,
  parseStatusAll,
  parseTrafficStatus,
  parseXfrmState,
  parseIpsecConf: (text) => parseIpsecConf([text]),
  parseConnection,
  parseRow,
  parseVpnData,
  parseLinks,
  parsePppol2tp,
  parseSwanctlConf,
  parseVici,
  parseLacs,
};

/** Pieces of the formats themselves, so that random texts come near to what the parsers look for. */
const PIECES =
  String.raw`list-sas reply {}|list-sa event {| {|}|=|[|]|: | -> | FOUND|"|\|*filter|COMMIT|:INPUT DROP|-A INPUT|
-j ACCEPT|!|conn a|src 1 dst 2|#1: "|SESSION |interface ppp0|/LAC |[Daemon][$i]|ClamAV-VDB:|Status: active|a|0|é`.split(
    '|',
  );

const pieces = fc.array(fc.constantFrom(...PIECES, '\n', '\t', '\0'), { maxLength: 60 });

describe.each(Object.entries(parsers))('%s', (_name, parse) => {
  test('takes any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          pieces.map((list) => list.join('')),
        ),
        (text) => void parse(text),
      ),
    );
  });

  test.each(['a', ' ', '\n', '{', '"', '\\', 'a: ', 'a=', '[', '- ', 'ab{1}: '])(
    'takes a megabyte of %j in reasonable time',
    (piece) => {
      const spent = cpuTimer();
      parse(piece.repeat(Math.ceil(1_000_000 / piece.length)));
      expect(spent()).toBeLessThan(3_000);
    },
  );
});

describe('rules of nft', () => {
  const json = fc.jsonValue({ maxDepth: 6 });
  const expression = fc.oneof(
    json,
    fc.constantFrom(
      { accept: null },
      { drop: null },
      { jump: { target: 'b' } },
      { goto: { target: 'a' } },
      { return: null },
    ),
    fc.record({ match: fc.record({ op: fc.constantFrom('==', '!=', 'in'), left: json, right: json }) }),
  );
  const entry = fc.oneof(
    json,
    fc.record({
      chain: fc.record({
        family: fc.constantFrom('ip', 'ip6', 'inet'),
        table: fc.constant('t'),
        name: fc.constantFrom('a', 'b'),
        type: fc.constant('filter'),
        hook: fc.constantFrom('input', 'prerouting', 'output'),
        policy: fc.constantFrom('accept', 'drop'),
      }),
    }),
    fc.record({
      rule: fc.record({
        family: fc.constantFrom('ip', 'ip6', 'inet'),
        table: fc.constant('t'),
        chain: fc.constantFrom('a', 'b'),
        expr: fc.array(expression, { maxLength: 4 }),
      }),
    }),
  );

  test('any list of entries is judged or refused', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (nftables) => {
        const rules = parseNftRuleset(JSON.stringify({ nftables }));
        if (rules) judge({ ...rules, families: ['ip', 'ip6'] }, ['ip', 'ip6'], rules.interfaces);
      }),
    );
  });

  test('an unconditional accept at the head of every chain opens whatever stands below', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (nftables) => {
        const families = ['ip', 'ip6', 'inet'];
        const heads = families.flatMap((family) =>
          ['a', 'b'].map((chain) => ({ rule: { family, table: 't', chain, expr: [{ accept: null }] } })),
        );
        const rules = parseNftRuleset(JSON.stringify({ nftables: [...heads, ...nftables] }));
        const fact = judge(
          { chains: [], interfaces: [], ...rules, families: ['ip', 'ip6'] },
          ['ip', 'ip6'],
          [],
        );
        expect(fact.state).toBe('off');
      }),
    );
  });
});
