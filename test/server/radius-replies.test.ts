import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/server/config.ts';
import { DICTIONARY, problemWith } from '../../src/server/radius-dictionary.ts';
import { nasFor } from '../../src/server/radius-nas.ts';
import { radiusReply } from '../../src/server/radius-reply.ts';
import { NAS_TYPES, radiusSettings } from '../../src/server/radius-settings.ts';
import { templateFor } from '../../src/server/radius-templates.ts';
import { ACCESS } from '../../src/wire/decision.ts';

const DICTIONARIES = '/usr/share/freeradius';
const settings = (given: object = {}) => radiusSettings.parse(given);
const nas = (given: object) => settings({ nas: [{ name: 'lns-1', ...given }] }).nas[0]!;

describe('the dictionary', () => {
  // FreeRADIUS' own files are the truth; they are there wherever the system tests run.
  test.runIf(hasDictionaries())('agrees with FreeRADIUS’ own', () => {
    const theirs = freeradiusAttributes();
    for (const [name, row] of Object.entries(DICTIONARY)) {
      const type = { text: 'string', integer: 'integer', address: 'ipaddr', name: 'integer' }[row.type];
      expect(theirs.attributes.get(name), name).toBe(row.tagged === true ? `${type} has_tag` : type);
      if (row.type === 'name') for (const one of row.names) expect(theirs.names).toContain(`${name} ${one}`);
    }
  });

  test.each([
    ['Filter-Id', 'posture-full', null],
    ['Tunnel-Type:1', 'VLAN', null],
    ['Tunnel-Private-Group-Id:31', '42', null],
    ['Framed-IP-Address', '192.0.2.7', null],
    ['Filter-Ids', 'x', 'no attribute'],
    ['control:Auth-Type', 'Accept', 'no attribute'],
    ['Class', 'x', 'no attribute'],
    ['constructor', 'x', 'no attribute'],
    ['Session-Timeout', 'abc', 'whole number'],
    ['Session-Timeout', 0, 'whole number'],
    ['Session-Timeout', 1.5, 'whole number'],
    ['Acct-Interim-Interval', 30, 'from 60'],
    ['Framed-IP-Address', 'x', 'IPv4'],
    ['Tunnel-Type', 'Vlan', 'one of'],
    ['Tunnel-Type:32', 'VLAN', 'tag'],
    ['Filter-Id:1', 'x', 'tag'],
    ['Filter-Id', 'é'.repeat(127), '253 bytes'],
    ['Filter-Id', 'a\nb', 'control'],
    ['Filter-Id', '', '253 bytes'],
  ])('%s = %j: %s', (name, value, problem) => {
    const found = problemWith(name, value);
    if (problem === null) expect(found).toBeNull();
    else expect(found).toContain(problem);
  });
});

describe('templates', () => {
  test('a mistake in one is named with its place', () => {
    const text = 'radius:\n  nas:\n    - name: lns-1\n      templates:\n        restrict: { Filter-ID: x }\n';
    const parsed = parseConfig(text, 'server.yaml');
    expect(parsed).toMatchObject({ ok: false, error: expect.stringContaining('server.yaml:5:') });
    expect(parsed).toMatchObject({ error: expect.stringContaining('no attribute "Filter-ID"') });
  });

  test.each(NAS_TYPES)('%s: the built-in ones hold to the dictionary', (type) => {
    for (const access of ACCESS) {
      const template = templateFor(access, nas({ type }), settings());
      if (template === 'deny') continue;
      for (const [name, value] of Object.entries(template)) {
        expect([name, problemWith(name, value as string)]).toEqual([name, null]);
      }
    }
  });

  test('each type isolates in the way that it honours', () => {
    const restrict = (type: string) => templateFor('restrict', nas({ type }), settings());
    expect(restrict('generic')).toMatchObject({ 'Filter-Id': 'posture-restrict', 'Session-Timeout': 300 });
    // accel-ppp would read Filter-Id as a bandwidth.
    expect(restrict('accel-ppp')).toMatchObject({ 'Framed-Pool': 'posture-restrict' });
    expect(restrict('accel-ppp')).not.toHaveProperty('Filter-Id');
    expect(restrict('mikrotik')).toMatchObject({ 'Mikrotik-Address-List': 'posture-restrict' });
    expect(restrict('cisco')).toMatchObject({ 'Filter-Id': 'posture-restrict.in' });
    expect(restrict('windows-rras')).toBe('deny');
  });

  test('a NAS’s own template stands in for its type’s', () => {
    const vlan = {
      'Tunnel-Type:1': 'VLAN',
      'Tunnel-Medium-Type:1': 'IEEE-802',
      'Tunnel-Private-Group-Id:1': '42',
    };
    const own = nas({ type: 'cisco', templates: { quarantine: vlan } });
    expect(templateFor('quarantine', own, settings())).toEqual(vlan);
    expect(templateFor('allow', own, settings())).toMatchObject({ 'Filter-Id': 'posture-full.in' });
  });
});

describe('a reply', () => {
  const answer = { access: 'restrict', message: 'no %{User-Name}', correlation: null } as const;

  test('has every value, expansion switched off on text', () => {
    const template = {
      'Cisco-AVPair': ['ip:inacl#1=deny', 'a'],
      'Idle-Timeout': 600,
      'Tunnel-Type:1': 'VLAN',
    };
    expect(radiusReply({ ...answer, template })).toEqual({
      'control:Tmp-String-0': { op: ':=', do_xlat: false, value: ['restrict'] },
      'reply:Cisco-AVPair': { op: ':=', do_xlat: false, value: ['ip:inacl#1=deny', 'a'] },
      'reply:Idle-Timeout': { op: ':=', value: [600] },
      'reply:Tunnel-Type:1': { op: ':=', do_xlat: false, value: ['VLAN'] },
    });
  });

  test('has a sentence only where there is one, and MS-CHAP’s error only for MS-CHAP', () => {
    const template = { 'Reply-Message': '{sentence}', 'MS-CHAP-Error': '{sentence}' };
    expect(radiusReply({ ...answer, message: null, template }, true)).toEqual({
      'control:Tmp-String-0': expect.anything(),
    });
    expect(radiusReply({ ...answer, template })).not.toHaveProperty('reply:MS-CHAP-Error');
    const [error] = radiusReply({ ...answer, template }, true)['reply:MS-CHAP-Error']?.value ?? [];
    expect(error).toMatch(/^E=649 R=0 C=[0-9A-F]{32} V=3 M=no %\{User-Name\}$/);
  });
});

test.each([
  ['lns-1', '192.0.2.1', 'lns-1'],
  ['other', '192.0.2.1', 'lns-1'],
  ['other', '198.51.100.1', null],
  ['lns-1', '198.51.100.1', null],
  ['lns-2', '198.51.100.1', 'lns-2'],
])('the NAS that calls itself %s at %s is %s', (name, nasAddress, expected) => {
  const known = settings({ nas: [{ name: 'lns-1', addresses: ['192.0.2.0/24'] }, { name: 'lns-2' }] }).nas;
  expect(nasFor({ nas: name, nasAddress }, known)?.name ?? null).toBe(expected);
});

function hasDictionaries(): boolean {
  try {
    return readdirSync(DICTIONARIES).includes('dictionary.rfc2865');
  } catch {
    return false;
  }
}

function freeradiusAttributes() {
  const attributes = new Map<string, string>();
  const names = new Set<string>();
  for (const file of readdirSync(DICTIONARIES)) {
    const text = readFileSync(`${DICTIONARIES}/${file}`, 'utf8');
    for (const [, name = '', rest = ''] of text.matchAll(/^ATTRIBUTE\s+(\S+)\s+\S+\s+([^#\n]+)/gm)) {
      attributes.set(name, rest.trim().replaceAll(/\s+/g, ' '));
    }
    for (const [, attribute = '', name = ''] of text.matchAll(/^VALUE\s+(\S+)\s+(\S+)/gm)) {
      names.add(`${attribute} ${name}`);
    }
  }
  return { attributes, names };
}
