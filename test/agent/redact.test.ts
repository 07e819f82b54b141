import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordingOf } from '../../src/agent/archive.ts';
import { loadDefaultPolicy } from '../../src/agent/judgement.ts';
import { loadReaders } from '../../src/agent/readers.ts';
import type { Answer } from '../../src/agent/recorder.ts';
import { redactAnswers, type KnownNames } from '../../src/agent/redact.ts';
import { replayHost } from '../../src/agent/replay.ts';
import { stamp, type Observed } from '../../src/base/reading.ts';
import { judge } from '../../src/policy/judge.ts';
import { loadCases, loadRecording, type Case } from '../conformance/cases.ts';
import { answersOf, SELF } from './answers.ts';
import { cpuTimer } from '../support/cpu-time.ts';

const NOBODY: KnownNames = { hosts: [], users: [] };

/** One file with this content, redacted. */
function redactFile(content: string, { path = '/etc/example.conf', known = NOBODY } = {}): string {
  const answer: Answer = { kind: 'file', checks: [], path, content: Buffer.from(content) };
  return contentOf(redactAnswers([answer], known)[0]?.answer);
}

function contentOf(answer: Answer | undefined): string {
  return answer?.kind === 'file' ? Buffer.from(answer.content).toString('utf8') : '';
}

const fixtures = join(import.meta.dirname, '..', 'fixtures');
// A capture asks nothing of a policy's own.
const folders = readdirSync(fixtures)
  .filter((check) => check !== 'tags')
  .flatMap((check) => readdirSync(join(fixtures, check)).map((os) => join(fixtures, check, os)))
  .filter((folder) => existsSync(join(folder, 'cases.jsonl')));
const policy = await loadDefaultPolicy();

function levelOf(one: Case, observed: Observed<unknown>) {
  const at = '2026-11-20T08:00:00.000Z';
  return judge({ [one.check]: stamp(observed, at, 0) }, policy, Date.parse(at)).find(
    ({ check }) => check === one.check,
  )?.level;
}

/** The reading of a case, and that of its redacted answers; `expected` is the first with the same stand-ins. */
async function readBoth(one: Case, folder: string) {
  const recording = { ...loadRecording(one, folder), self: SELF };
  const read = (await loadReaders(one.os))[one.check];
  const before = await read(replayHost(recording));
  const fact: Answer = {
    kind: 'probe',
    checks: [],
    name: 'fact',
    answer: { ok: true, ms: 0, data: before.state === 'known' ? before.fact : null },
  };
  const redacted = redactAnswers([...answersOf(recording), fact], NOBODY).map(({ answer }) => answer);
  const last = redacted.pop();
  const after = await read(replayHost(recordingOf({ root: recording.root, self: SELF, answers: redacted })));
  const expected = last?.kind === 'probe' && last.answer.ok ? last.answer.data : null;
  return { before, after, expected };
}

/** A keyed hash of an identifier is another one when the identifier is. */
function withoutHash(fact: unknown): unknown {
  return typeof fact === 'object' && fact !== null && 'machineId' in fact
    ? { ...fact, machineId: null }
    : fact;
}

describe('redacted answers give the same readings, but for what was replaced', () => {
  for (const folder of folders) {
    test.each(loadCases(folder))('$id', async (one) => {
      const { before, after, expected } = await readBoth(one, folder);
      expect(levelOf(one, after)).toBe(levelOf(one, before));
      if (before.state === 'known' && after.state === 'known')
        expect(withoutHash(after.fact)).toEqual(withoutHash(expected));
      else expect(after).toMatchObject({ state: before.state, why: 'why' in before ? before.why : null });
    });
  }
});

describe('secrets', () => {
  const secret = fc
    .string({ minLength: 6, maxLength: 40, unit: fc.constantFrom(...'abcXYZ0123456789!$%*()?~^|@#/') })
    .map((text) => `x${text}q`);
  const forms: [string, (secret: string) => string, (text: string) => void][] = [
    [
      'a line of settings',
      (s) => `name = office\nipsec-psk = ${s}\nmtu = 1400\n`,
      (t) => expect(t).toMatch(/^mtu = 1400$/m),
    ],
    [
      'swanctl.conf',
      (s) => `secrets { ike-1 { secret = "${s}" } }\nnext { mode = transport }`,
      (t) => expect(t).toContain('" } }\nnext { mode = transport }'),
    ],
    [
      'vpn.data',
      (s) => `vpn.data:gateway = 10.0.0.1, ipsec-psk = ${s}, mtu = 1400, password-flags = 1`,
      (t) => expect(t).toContain(', mtu = 1400, password-flags = 1'),
    ],
    [
      'JSON',
      (s) => JSON.stringify({ a: 1, preSharedKey: s, password: s, b: [true] }),
      (t) => expect(JSON.parse(t)).toMatchObject({ a: 1, b: [true] }),
    ],
    [
      'JSON in several lines',
      (s) => JSON.stringify({ token: s, b: null }, null, 2),
      (t) => expect(JSON.parse(t)).toHaveProperty('b', null),
    ],
    [
      'a property list',
      (s) =>
        `<dict><key>SharedSecret</key>\n\t<string>${s}</string><key>Type</key><string>L2TP</string></dict>`,
      (t) => expect(t).toContain('<key>Type</key><string>L2TP</string>'),
    ],
    [
      'data in a property list',
      (s) => `<key>Password</key>\n<data>\n${s}\n</data><integer>1</integer>`,
      (t) => expect(t).toContain('</data><integer>1</integer>'),
    ],
    [
      'an OpenStep list',
      (s) => `SharedSecret = "${s}";\nType = L2TP;`,
      (t) => expect(t).toMatch(/";\nType = L2TP;$/),
    ],
    [
      'a command line',
      (s) => `pppd\0--password\0${s}\0file\0/etc/ppp/options`,
      (t) => expect(t).toContain('\0file\0/etc/ppp/options'),
    ],
    [
      'a recovery password',
      (s) => `Recovery Password: ${s}\nNumber: 7`,
      (t) => expect(t).toMatch(/^Number: 7$/m),
    ],
  ];

  test.each(forms)('%s lose theirs and keep the rest', (_, write, rest) => {
    fc.assert(
      fc.property(secret, (value) => {
        const text = redactFile(write(value));
        expect(text).not.toContain(value);
        rest(text);
      }),
    );
  });

  test.each([
    'psk = 0sZm9vYmFyYmF6cXV4',
    'this is 0sZm9vYmFyYmF6cXV4 alone',
    'key: 8Hk2nJd7sLq0aPz5xW3vB6yT1uR4eC9fG2hK5mN8oQE=',
    '111111-222222-333333-444444-555555-666666-777777-888888',
    'K7QX-9ZBA-44TY-LMN2-0PQR-XY55',
    'https://lena:hunter2hunter2@mirror.example.com/debian',
    'Site-Key                         a1b2c3d4e5f6',
    '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\nByqGSM49AgEG\n-----END PRIVATE KEY-----',
    'eyJ1cmwiOiJodHRwczovL2V4YW1wbGUudGVzdCJ9',
    'MK digest:  a1 0f 22 33 c4 55 66 77 88 99 aa bb',
    '"password": "open \\" quoted',
    'secret = "no end',
    `psk =${' '.repeat(300)}quoted`,
  ])('%s', (line) => {
    const redacted = redactFile(`before\n${line}\nafter`);
    expect(redacted).not.toBe(`before\n${line}\nafter`);
    expect(redacted).toMatch(/^before\n[\s\S]*\nafter$/);
    expect(redacted).not.toMatch(/hunter2|MIGH|ByqG|a1 0f|no end|quoted|0sZm|8Hk2|222222|LMN2|a1b2|eyJ1/);
  });

  test.each([
    'authby=secret',
    'password-flags = 1',
    '"tpm2-pin": true',
    'vpn.secrets:<hidden>',
    'Cipher key: 512 bits',
    'class=pre-shared key groups=[]',
    'office-psk:  %any...10.0.0.1  IKEv1',
    'office-psk:   local:  uses pre-shared key authentication',
    '    "l2tp-psk": {',
    '"AuthenticationMethod": "SharedSecret"',
  ])('%s tells no secret and stays', (line) => {
    expect(redactFile(line)).toBe(line);
  });

  test('a connection that is named for its secret stays a row', () => {
    expect(redactFile('office-psk:0b7c1d8e-1111-4222-8333-444455556666:vpn:17\n')).toMatch(
      /^office-psk:[0-9a-f-]{36}:vpn:17\n$/,
    );
  });

  test('the environment of a process keeps the container’s kind alone', () => {
    const environment = 'container=podman\0STRIPE=sk_live_4eC39\0HOME=/root\0';
    const redacted = redactFile(environment, { path: '/proc/1/environ' });
    expect(redacted).toMatch(/^container=podman\0STRIPE=redacted1\0HOME=redacted2\0$/);
  });
});

describe('names', () => {
  test('people lose theirs everywhere, and stay related', () => {
    const redacted = redactFile(
      'lena:x:1001:1001:Lena Holm,,,:/home/lena:/bin/bash\nroot:x:0:0:root:/root:/bin/sh\n' +
        'clamav:x:120:120:Scanner:/var/lib/clamav:/bin/false\nowner lena, mail Lena Holm\n/home/lena/.config/x /home/lena/taxes/Secret plan.pdf\n',
    );
    expect(redacted).not.toMatch(/lena|holm|taxes/i);
    expect(redacted).toContain('u001:x:1001:1001::/home/u001:/bin/bash');
    expect(redacted).toContain('owner u001');
    expect(redacted).toContain('/home/u001/.config/x');
    expect(redacted).toContain('clamav:x:120:120:Scanner:/var/lib/clamav:/bin/false\n');
  });

  test('a scanner’s finding keeps its form and loses its path', () => {
    const line = 'Tue Nov 18 10:08:10 2025 -> /home/lena/My Letters/to Sam.pdf: Win.Test-1 FOUND';
    expect(redactFile(line)).toMatch(
      /^Tue Nov 18 10:08:10 2025 -> \/home\/u001\/p\d+\/p\d+\.pdf: Win\.Test-1 FOUND$/,
    );
  });

  test('this computer’s name goes, with and without its domain and in capitals', () => {
    const known = { hosts: ['fjord-17.example.org'], users: [] };
    const redacted = redactFile('fjord-17.example.org FJORD-17 (fjord-17) xfjord-17', { known });
    expect(redacted).not.toMatch(/\bfjord-17/i);
  });

  test.each(['ubuntu', 'admin', 'root', 'localhost'])('%s is nobody’s name', (name) => {
    const known = { hosts: [name], users: [name] };
    expect(redactFile(`ID=${name} /home/${name}/x`, { known })).toContain(`ID=${name}`);
  });

  test('a name that is a word of the tools goes only where it is a name', () => {
    const known = { hosts: [], users: ['mark'] };
    const redacted = redactFile('{"mark":1,"file":"/home/mark/.profile"}', { known });
    expect(redacted).toBe('{"mark":1,"file":"/home/u001/.profile"}');
  });

  test('a wireless network’s name goes from its row', () => {
    const row =
      'Holm family:0b7c1d8e-1111-4222-8333-444455556666:802-11-wireless:17:yes:/etc/Holm family.nmconnection';
    expect(redactFile(`${row}\n`)).toBe(
      'network1:00000000-0000-4000-8000-000000000001:802-11-wireless:17:yes:/network1.nmconnection\n',
    );
  });
});

describe('addresses', () => {
  test('public ones become documentation’s, the same one the same', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const address = fc
      .tuple(fc.integer({ min: 11, max: 99 }), octet, octet, octet)
      .map((parts) => parts.join('.'));
    fc.assert(
      fc.property(address, (ip) => {
        const [, first, second, port] =
          /^src (\S+) dst (\S+):(\d+) mask/.exec(
            redactFile(`src ${ip} dst ${ip}:4500 mask 255.255.255.0 via 10.0.0.1`),
          ) ?? [];
        expect(first).toMatch(/^192\.0\.2\.\d+$/);
        expect(second).toBe(first);
        expect(port).toBe('4500');
      }),
    );
  });

  test.each([
    '10.1.2.3',
    '192.168.0.1',
    '172.20.0.1',
    '100.64.3.3',
    '127.0.0.53',
    '0.0.0.0',
    '255.255.0.0',
    '::1',
    '::',
    'ff02::1',
  ])('%s is anybody’s and stays', (address) => {
    expect(redactFile(`via ${address} dev eth0`)).toBe(`via ${address} dev eth0`);
  });

  test.each([
    ['2003:de:ad::17', '2001:db8::1'],
    ['fe80::a00:27ff:fe4e:66a1', 'fe80::1'],
    ['fd12:3456:789a::1', 'fd00::1'],
    ['08:00:27:4e:66:a1', '00:00:5e:00:53:01'],
    ['08-00-27-4E-66-A1', '00-00-5e-00-53-01'],
    ['lena.holm@corp.example.org', 'person1@example.com'],
  ])('%s becomes %s', (original, stand) => {
    expect(redactFile(`x ${original} y`)).toBe(`x ${stand} y`);
  });

  test.each([
    'Agent version: 25.2.1.14',
    '"engineVersion":"1.1.2.3"',
    'user@1000.service',
    '5.15.167.4-generic',
    '12:34:56',
    'std::string',
  ])('%s is no address', (text) => {
    expect(redactFile(text)).toBe(text);
  });

  test('the kernel’s table of sockets', () => {
    const path = '/proc/net/udp';
    const row = '  7: 07713CC6:06A5 00000000:0000 07 00000000:00000000';
    expect(redactFile(row, { path })).toBe('  7: 010200C0:06A5 00000000:0000 07 00000000:00000000');
    expect(redactFile('1: 0100007F:06A5', { path })).toBe('1: 0100007F:06A5');
  });
});

describe('identifiers', () => {
  test('a UUID stays one and is the same with and without dashes', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        const redacted = redactFile(
          `luks-${uuid} CRYPT-LUKS2-${uuid.replaceAll('-', '')}-x ${uuid.toUpperCase()}`,
        );
        const stand = '00000000-0000-4000-8000-000000000001';
        expect(redacted).toBe(`luks-${stand} CRYPT-LUKS2-${stand.replaceAll('-', '')}-x ${stand}`);
      }),
    );
  });

  test('those that readers look for stay', () => {
    const collectors = join(import.meta.dirname, '..', '..', 'collectors');
    const literals = readdirSync(collectors, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|ps1)$/.test(name))
      .flatMap(
        (name) =>
          readFileSync(join(collectors, name), 'utf8').match(
            /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi,
          ) ?? [],
      );
    expect(literals.length).toBeGreaterThan(5);
    for (const literal of literals) expect(redactFile(`x ${literal} y`)).toBe(`x ${literal} y`);
  });

  test.each([
    ['"IOPlatformSerialNumber" = "C02EXAMPLE00"', '"IOPlatformSerialNumber" = "100000000001"'],
    ['Serial Number: PF-3X99', 'Serial Number: 1000001'],
    ['S-1-5-21-3623811015-3361044348-30300820-1013', 'S-1-5-21-1-1-1-1013'],
    ['S-1-5-18', 'S-1-5-18'],
    ['{"serial":null,"wwn":null}', '{"serial":null,"wwn":null}'],
    ['{"serial":12345678}', '{"serial":10000001}'],
    ['0'.repeat(64), '0'.repeat(64)],
  ])('%s becomes %s', (original, stand) => {
    expect(redactFile(original)).toBe(stand);
  });
});

describe('any bytes', () => {
  test('are taken without an error, and JSON stays JSON', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(() => JSON.parse(redactFile(json))).not.toThrow();
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
        const [one] = redactAnswers([{ kind: 'file', checks: [], path: '/x', content }], NOBODY);
        expect(one?.answer.kind).toBe('file');
      }),
    );
  });

  test.each([
    ['digits', '1'.repeat(400_000)],
    ['spaces after a key', `psk=${' '.repeat(400_000)}x`],
    ['hexadecimal', `${'a'.repeat(400_000)}z`],
    ['keys', 'password='.repeat(40_000)],
    ['keys and spaces', `password=${' '.repeat(4_000)}`.repeat(100)],
    ['colons', ':'.repeat(400_000)],
    ['dots', 'a.'.repeat(200_000)],
    ['columns', `token  ${'1'.repeat(300_000)}  x`],
    ['homes', '/home/a'.repeat(50_000)],
    ['pairs', 'ab '.repeat(130_000)],
    ['commas', 'gateway = a, '.repeat(30_000)],
  ])('%s without end take no time', (_, text) => {
    const spent = cpuTimer();
    redactFile(text);
    expect(spent()).toBeLessThan(3_000);
  });

  test('a file that is no text keeps its length, without the names in it', () => {
    const content = Buffer.concat([
      Buffer.from([0xff, 0x00, 0x80]),
      Buffer.from('by lena-holm@corp.example.org!'),
      Buffer.from([0xfe]),
    ]);
    const [one] = redactAnswers([{ kind: 'file', checks: [], path: '/x', content }], NOBODY);
    const redacted = one?.answer.kind === 'file' ? Buffer.from(one.answer.content) : Buffer.alloc(0);
    expect(redacted.length).toBe(content.length);
    expect(redacted.toString('latin1')).not.toContain('holm');
  });
});
