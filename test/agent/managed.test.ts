import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/agent/config.ts';
import { judgeManaged, mergeManaged } from '../../src/agent/managed.ts';
import { NOT_MANAGED, worthKeeping, type Remembered } from '../../src/agent/managed-kept.ts';
import { rawFromDocument, type RawManaged } from '../../src/agent/managed-raw.ts';
import { managedSettings } from '../../src/agent/setting-list.ts';
import { err, ok } from '../../src/base/result.ts';

const TOKEN = 'abcdefgh.AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB';

function judge(document: Record<string, unknown>, remembered: Remembered | null = null) {
  const managed = judgeManaged(ok(rawFromDocument('test', document)), remembered);
  if (!managed.ok) throw new Error(managed.error);
  return managed.value;
}

function local(yaml: string) {
  const parsed = parseConfig(yaml, 'agent.yaml');
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const merge = (yaml: string, document: Record<string, unknown>, remembered: Remembered | null = null) =>
  mergeManaged(local(yaml), judge(document, remembered));

describe('what management sets', () => {
  test('outranks the settings file, setting by setting, and the file goes on beside it', () => {
    const yaml = 'vpn: { mode: observe, allowedGateways: [own.example] }\ncollect: { everySeconds: 60 }\n';
    const { config, overridden } = merge(yaml, { vpn: { allowedGateways: ['vpn.example.org'] } });
    expect(config.vpn).toEqual({ mode: 'observe', allowedGateways: ['vpn.example.org'] });
    expect(config.collect.everySeconds).toBe(60);
    expect([...overridden]).toEqual([['vpn.allowedGateways', ['own.example']]]);
  });

  test('nothing: the settings file alone counts', () => {
    const managed = judgeManaged(ok(null), { 'vpn.mode': 'enforce' });
    expect(managed).toEqual(ok(NOT_MANAGED));
    const yaml = 'log: { level: debug }\n';
    expect(mergeManaged(local(yaml), NOT_MANAGED).config).toEqual(local(yaml).config);
  });

  test('every single one reaches the settings in force', () => {
    const values: Record<string, unknown> = {
      'server.url': 'https://a.example',
      'server.caFile': '/ca.pem',
      'server.proxy': 'none',
      'server.transport': 'https',
      'collect.everySeconds': 77,
      'collect.updatesEverySeconds': 777,
      'collect.budget.cpuPercent': 0.5,
      'collect.budget.rssMiB': 99,
      'vpn.mode': 'enforce',
      'vpn.allowedGateways': ['b.example'],
      'tray.enabled': false,
      'tray.folder': '/tray',
      'spool.maxReports': 7,
      'spool.maxBytes': 70_000,
      keyStore: 'file',
      tpm: 'device:/dev/tpmrm1',
      'log.level': 'warn',
      'enrolment.url': 'https://c.example',
      'enrolment.token': TOKEN,
    };
    expect(Object.keys(values).toSorted()).toEqual(managedSettings.map(({ name }) => name).toSorted());
    const { config } = merge('', values);
    const flat = (value: unknown, prefix = ''): [string, unknown][] =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, inner]) =>
            flat(inner, prefix === '' ? key : `${prefix}.${key}`),
          )
        : [[prefix, value]];
    const inForce = Object.fromEntries(flat(config));
    for (const [name, value] of Object.entries(values))
      if (!name.startsWith('enrolment.')) expect(inForce[name], name).toEqual(value);
  });

  test('to enrol with needs address and token', () => {
    const both = judge({ enrolment: { url: 'https://a.example:8443', token: TOKEN } });
    expect(both.invitation).toMatchObject({
      url: new URL('https://a.example:8443'),
      token: { id: 'abcdefgh' },
    });
    expect(judge({ enrolment: { url: 'https://a.example' } }).invitation).toBeNull();
  });
});

describe('a value that makes no sense', () => {
  const GOOD = { vpn: { mode: 'observe', allowedGateways: ['a.example'] }, log: { level: 'debug' } };

  test('takes no other with it, and stays as it was last', () => {
    const before = worthKeeping(judge(GOOD));
    const now = judge({ vpn: { mode: 'enforced', allowedGateways: ['b.example'] } }, before);
    expect(now.settings).toEqual([
      { name: 'vpn.mode', value: 'observe', from: 'before' },
      { name: 'vpn.allowedGateways', value: ['b.example'], from: 'now' },
    ]);
    expect(now.problems).toEqual([
      { kind: 'wrong', message: 'vpn.mode: has to be one of auto, enforce, observe, given "enforced"' },
    ]);
    // And is remembered on, for the next start.
    expect(worthKeeping(now)).toEqual({ 'vpn.mode': 'observe', 'vpn.allowedGateways': ['b.example'] });
  });

  test('that never made sense lets no gateway in, and never the settings file’s own', () => {
    const yaml = 'vpn: { allowedGateways: [own.example], mode: enforce }\n';
    const { config, overridden } = merge(yaml, { vpn: { allowedGateways: 'vpn.example', mode: 5 } });
    expect(config.vpn).toEqual({ allowedGateways: [], mode: 'auto' });
    expect([...overridden.keys()]).toEqual(['vpn.mode', 'vpn.allowedGateways']);
  });

  test('one entry of a list spoils the list', () => {
    const { settings, problems } = judge({ vpn: { allowedGateways: ['good.example', 'bad example'] } });
    expect(settings).toEqual([{ name: 'vpn.allowedGateways', value: [], from: 'fallback' }]);
    expect(problems[0]?.message).toBe('vpn.allowedGateways: entry 2, "bad example", is not valid');
  });

  test.each([
    [
      'a section that is none',
      { vpn: 'x' },
      'vpn.allowedGateways: has to be a list of at most 64, given "x"',
    ],
    [
      'a number too small',
      { collect: { everySeconds: 1 } },
      'has to be a whole number from 10 to 86400, given 1',
    ],
    [
      'a fraction',
      { collect: { everySeconds: 10.5 } },
      'has to be a whole number from 10 to 86400, given 10.5',
    ],
    ['text for a switch', { tray: { enabled: 'no' } }, 'tray.enabled: has to be true or false, given "no"'],
    ['another scheme', { server: { url: 'http://a.example' } }, 'server.url: has to be an https:// address'],
    ['a password in an address', { server: { url: 'https://a:b@a.example' } }, 'must not hold a user name'],
    ['too many', { vpn: { allowedGateways: Array(65).fill('a.example') } }, 'has to be a list of at most 64'],
    ['too long', { server: { caFile: '/'.repeat(2_000) } }, 'at most 1023 characters'],
    ['null', { log: { level: null } }, 'log.level: has to be one of trace,'],
    ['a slip of the finger', { vpn: { alowedGateways: [] } }, 'did you mean "vpn.allowedGateways"?'],
    ['a setting of each computer’s own', { stateDir: '/x' }, '"stateDir" is each computer’s own'],
    ['a name that is no name', { constructor: 1 }, 'unknown setting "constructor"'],
  ])('%s is told in words', (_what, document, message) => {
    const { problems } = judge(document);
    expect(problems.map((problem) => problem.message).join('\n')).toContain(message);
  });

  test('a name that this version does not know is told of, and everything else holds', () => {
    const { settings, problems } = judge({ vpn: { mode: 'enforce' }, newer: { thing: 1 } });
    expect(settings).toEqual([{ name: 'vpn.mode', value: 'enforce', from: 'now' }]);
    expect(problems).toEqual([{ kind: 'unknown', message: 'unknown setting "newer"' }]);
  });

  test('problems are bounded, and a token is in none of them', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`x${index}`, 1]));
    expect(judge(many).problems).toHaveLength(50);
    const { problems, settings } = judge({ enrolment: { token: 'secret-word', url: 'https://a.example' } });
    expect(JSON.stringify(problems)).not.toContain('secret-word');
    expect(settings.map(({ name }) => name)).toEqual(['enrolment.url']);
  });

  test('a document cannot change what objects are', () => {
    const hostile = JSON.parse(
      '{"__proto__": {"vpn": {"mode": "observe"}}, "vpn": {"__proto__": {"mode": "observe"}}}',
    );
    expect(judge(hostile).settings).toEqual([]);
    expect(Object.getPrototypeOf(merge('', hostile).config)).toBe(Object.prototype);
  });
});

describe('where nothing can be read', () => {
  const broken = err<string>('no such thing');

  test('all stays as it was', () => {
    const managed = judgeManaged(broken, { 'vpn.mode': 'observe', 'enrolment.token': TOKEN, strange: 1 });
    expect(managed).toMatchObject({
      ok: true,
      value: {
        settings: [{ name: 'vpn.mode', value: 'observe', from: 'before' }],
        problems: [{ kind: 'wrong', message: 'no such thing' }],
        invitation: null,
      },
    });
  });

  test('and nothing is known from before, there is nothing to begin with', () => {
    expect(judgeManaged(broken, null)).toEqual({ ok: false, error: 'no such thing' });
  });
});

test('a secret is not remembered', () => {
  const managed = judge({ enrolment: { url: 'https://a.example', token: TOKEN }, log: { level: 'debug' } });
  expect(worthKeeping(managed)).toEqual({ 'log.level': 'debug' });
});

test('what is remembered is judged anew', () => {
  const raw: RawManaged = rawFromDocument('test', { vpn: { mode: 'x' } });
  const managed = judgeManaged(ok(raw), { 'vpn.mode': 'no mode either' });
  expect(managed).toMatchObject({
    value: { settings: [{ name: 'vpn.mode', value: 'auto', from: 'fallback' }] },
  });
});
