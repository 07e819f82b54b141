import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parseDocument } from 'htmlparser2';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { asObject } from '../../../collectors/json.ts';
import { parsePlist } from '../../../collectors/macos-plist.ts';
import { settingsTable } from '../../../packaging/mdm/docs-table.ts';
import { filesFor, makeMdm } from '../../../packaging/mdm/make.ts';
import { codeRequirement, uuidOf } from '../../../packaging/mdm/profiles.ts';
import { LANGUAGES } from '../../../packaging/mdm/templates.ts';
import { EXAMPLE, parseValues } from '../../../packaging/mdm/values.ts';
import { IDENTIFIERS } from '../../../packaging/build/macos-signer.ts';
import { configSchema } from '../../../src/agent/config-schema.ts';
import { BUNDLE_ID } from '../../../src/agent/paths.ts';
import { judgeManaged } from '../../../src/agent/managed.ts';
import { rawFromDocument, type RawManaged } from '../../../src/agent/managed-raw.ts';
import { rawFromRegistry } from '../../../src/agent/managed-registry.ts';
import { formOf, managedSettings, settings } from '../../../src/agent/setting-list.ts';
import { ok } from '../../../src/base/result.ts';

const TOKEN = 'abcdefgh.AAAAAAAAAAAAAAAAAAAAAA.BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB';

/** A value for every setting there is, none the default. */
const EVERYTHING = `
enrolment: { url: "https://posture.example.org:8443", token: "${TOKEN}" }
server: { url: "https://a.example/?x=1&y=2", caFile: "/etc/<c>\\"a.pem", proxy: "http://proxy.example:3128", transport: https }
collect: { everySeconds: 60, updatesEverySeconds: 7200, budget: { cpuPercent: 0.5, rssMiB: 128 } }
vpn: { mode: enforce, allowedGateways: [vpn.example.org, 192.0.2.1, "2001:db8::1"] }
tray: { enabled: false, folder: /srv/tray }
spool: { maxReports: 9, maxBytes: 4294967295 }
keyStore: systemd-creds
tpm: "device:/dev/tpmrm1"
log: { level: debug }
`;
const values = parseValues(EVERYTHING, 'test');
const files = filesFor({ values, team: 'ABCDE12345' });
const file = (name: string) => {
  const text = files[name];
  if (text === undefined) throw new Error(`${name} is not made`);
  return text;
};
const names = managedSettings.map(({ name }) => name).toSorted();
const policyNames = names.map((name) => name.replaceAll('.', '_'));

type Node = {
  type: string;
  name?: string;
  data?: string;
  attribs?: Record<string, string>;
  children?: Node[];
};

/** Elements of a document in their order; throws where tags are left open, which XML does not allow. */
function elementsOf(xml: string): Node[] {
  expect(xml.match(/<[a-zA-Z]/g)?.length).toBe(
    (xml.match(/<\/[a-zA-Z]/g)?.length ?? 0) + (xml.match(/\/>/g)?.length ?? 0),
  );
  const walk = (node: Node): Node[] => [node, ...(node.children ?? []).flatMap(walk)];
  return walk(parseDocument(xml, { xmlMode: true }) as unknown as Node).filter(({ type }) => type === 'tag');
}

const textOf = (node: Node): string => (node.data ?? '') + (node.children ?? []).map(textOf).join('');
const named = (nodes: Node[], name: string) => nodes.filter((node) => node.name === name);
const attributes = (nodes: Node[], key: string) => nodes.map(({ attribs }) => attribs?.[key] ?? '');

function inForce(raw: RawManaged): Record<string, unknown> {
  const judged = judgeManaged(ok(raw), null);
  if (!judged.ok) throw new Error(judged.error);
  expect(judged.value.problems).toEqual([]);
  return Object.fromEntries(judged.value.settings.map(({ name, value }) => [name, value]));
}

test('the values of this test are for every setting', () => {
  expect([...values.keys()].toSorted()).toEqual(names);
});

describe('group policy', () => {
  const admx = elementsOf(file('windows/Drawbridge.admx'));
  const policies = named(admx, 'policy');

  test('has a policy for every setting that can be managed, and no other', () => {
    expect(attributes(policies, 'name').toSorted()).toEqual(policyNames);
    expect(new Set(attributes(policies, 'key'))).toEqual(new Set(['SOFTWARE\\Policies\\Drawbridge\\Agent']));
    expect(new Set(attributes(policies, 'class'))).toEqual(new Set(['Machine']));
    const valueNames = admx.flatMap(({ attribs }) => attribs?.['valueName'] ?? []);
    expect(valueNames.toSorted()).toEqual(names);
  });

  test.each(Object.keys(LANGUAGES))(
    'in %s has every string and box that it refers to, and no other',
    (language) => {
      const adml = elementsOf(file(`windows/${language}/Drawbridge.adml`));
      const referred = [...file('windows/Drawbridge.admx').matchAll(/\$\((string|presentation)\.(\w+)\)/g)];
      const wanted = (kind: string) =>
        new Set(referred.filter((match) => match[1] === kind).map((match) => match[2]));
      const strings = named(adml, 'string');
      expect(new Set(attributes(strings, 'id'))).toEqual(wanted('string'));
      expect(strings).toHaveLength(wanted('string').size);
      expect(strings.filter((node) => textOf(node).trim() === '')).toEqual([]);
      expect(new Set(attributes(named(adml, 'presentation'), 'id'))).toEqual(wanted('presentation'));
      const boxes = adml.flatMap(({ attribs }) => attribs?.['refId'] ?? []);
      const elements = admx.flatMap(({ attribs }) => attribs?.['id'] ?? []);
      expect(boxes.toSorted()).toEqual(elements.toSorted());
    },
  );

  test('tells each language its own words', () => {
    const [english, german] = ['en-US', 'de-DE'].map((language) =>
      named(elementsOf(file(`windows/${language}/Drawbridge.adml`)), 'string').map(textOf),
    );
    expect(english).toContain('VPN: allowed gateways');
    expect(german).toContain('VPN: erlaubte Gateways');
    const helps = [english, german].map((texts) =>
      (texts ?? []).filter((text) => text.includes('\n\nvpn.allowedGateways')),
    );
    expect(helps[0]?.[0]).toContain('Without this policy: any.');
    expect(helps[1]?.[0]).toContain('Ohne diese Richtlinie: jedes.');
    const same = (english ?? []).filter((text) => text.includes('\n') && german?.includes(text));
    expect(same).toEqual([]);
  });

  test('offers the default of a choice first', () => {
    const adml = elementsOf(file('windows/en-US/Drawbridge.adml'));
    for (const list of named(adml, 'dropdownList')) {
      const name = (list.attribs?.['refId'] ?? '').replace(/_value$/, '').replaceAll('_', '.');
      const setting = managedSettings.find((one) => one.name === name)!;
      const form = formOf(setting);
      const option = form.kind === 'choice' ? form.options[Number(list.attribs?.['defaultItem'])] : null;
      expect(option, name).toBe(z.safeParse(setting.schema, undefined).data);
    }
  });

  test('what it writes is what the agent reads', () => {
    const line = (name: string): string => {
      const value = values.get(name);
      const node = admx.find(({ attribs }) => attribs?.['valueName'] === name);
      const kinds: Record<string, () => [string, string]> = {
        policy: () => ['DWORD', value === true ? '0x1' : '0x0'],
        decimal: () => ['DWORD', `0x${Number(value).toString(16)}`],
        multiText: () => ['MULTI_SZ', (value as string[]).join('\\0')],
        text: () => ['SZ', String(value)],
        enum: () => ['SZ', String(value)],
      };
      const [type, data] = kinds[node?.name ?? '']!();
      return `    ${name}    REG_${type}    ${data}`;
    };
    const printed = ['', 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Drawbridge\\Agent', ...names.map(line), ''];
    expect(inForce(rawFromRegistry('test', printed.join('\r\n')))).toEqual(Object.fromEntries(values));
  });

  test('lets no number in that the agent refuses', () => {
    for (const decimal of named(admx, 'decimal').filter(
      ({ attribs }) => attribs?.['valueName'] !== undefined,
    )) {
      const setting = managedSettings.find(({ name }) => name === decimal.attribs?.['valueName'])!;
      const { minValue, maxValue } = decimal.attribs ?? {};
      for (const [number, good] of [
        [Number(minValue), true],
        [Number(minValue) - 1, false],
        [Number(maxValue), true],
        [Number(maxValue) + 1, false],
      ] as const)
        expect(z.safeParse(setting.schema, number).success, `${setting.name} ${number}`).toBe(good);
    }
  });
});

describe('docs/mdm.md', () => {
  const document = readFileSync(join(import.meta.dirname, '../../../docs/mdm.md'), 'utf8');

  test('names files that are made, and all of them', () => {
    const out = mkdtempSync(join(tmpdir(), 'drawbridge-mdm-'));
    makeMdm({ out, values, team: null });
    const made = readdirSync(out, { recursive: true, encoding: 'utf8' });
    rmSync(out, { recursive: true });
    const [, table = ''] = document.split('\n| file | for |\n');
    const rows = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| (`.+?) \|/gm)];
    const named = rows.flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+?)\/?`/g)].map(([, one]) => one));
    const isMade = (name = '') => made.some((path) => `/${path}`.endsWith(`/${name}`));
    expect(named.filter((name) => !isMade(name))).toEqual([]);
    const isNamed = (path: string) => named.some((name = '') => path.includes(name));
    expect(Object.keys(files).filter((path) => !isNamed(path))).toEqual([]);
  });

  test('gives addresses and a key that the templates have', () => {
    const profile = file('intune/custom-profile.json');
    const addresses = [...document.matchAll(/`(\.\/Device\/[^`]+)`/g)].map(([, one = '']) => one);
    expect(addresses).toHaveLength(3);
    expect(addresses.filter((one) => !profile.includes(`"${one}"`))).toEqual([]);
    const keys = [...document.matchAll(/HKLM\\(SOFTWARE\\[\w\\]+)/g)].map(([, one = '']) => one);
    expect(keys).toHaveLength(2);
    for (const key of keys) expect(file('windows/Drawbridge.admx')).toContain(`key="${key}"`);
  });
});

describe('Intune', () => {
  const profile = JSON.parse(file('intune/custom-profile.json')) as {
    omaSettings: { omaUri: string; value: string; '@odata.type': string }[];
  };
  const [template, ...given] = profile.omaSettings;

  test('gets the template first, then every setting at its address', () => {
    expect(template?.omaUri).toBe(
      './Device/Vendor/MSFT/Policy/ConfigOperations/ADMXInstall/Drawbridge/Policy/DrawbridgeAdmx',
    );
    expect(template?.value).toBe(file('windows/Drawbridge.admx'));
    const area = './Device/Vendor/MSFT/Policy/Config/Drawbridge~Policy~Drawbridge/';
    expect(given.map(({ omaUri }) => omaUri).toSorted()).toEqual(policyNames.map((name) => `${area}${name}`));
    const listed = JSON.parse(file('intune/oma-uris.json')) as { omaUri: string; setting: string }[];
    expect(listed.map(({ omaUri }) => omaUri).toSorted()).toEqual(
      policyNames.map((name) => `${area}${name}`),
    );
    expect(listed.map(({ setting }) => setting).toSorted()).toEqual(names);
  });

  test('gets values that are those of the settings', () => {
    const admx = elementsOf(file('windows/Drawbridge.admx'));
    const read = given.map(({ omaUri, value }) => {
      const [state, data] = elementsOf(`<x>${value}</x>`).slice(1);
      const policy = named(admx, 'policy').find(({ attribs }) => omaUri.endsWith(`/${attribs?.['name']}`))!;
      const box = elementsOfNode(policy).find(({ attribs }) => attribs?.['id'] === data?.attribs?.['id']);
      if (data === undefined) return [policy.attribs?.['valueName'], state?.name];
      return [box?.attribs?.['valueName'], data.attribs?.['value']];
    });
    const expected = [...values].map(([name, value]) => {
      if (typeof value === 'boolean') return [name, value ? 'enabled' : 'disabled'];
      return [name, Array.isArray(value) ? value.join('\uF000') : String(value)];
    });
    expect(Object.fromEntries(read)).toEqual(Object.fromEntries(expected));
  });
});

function elementsOfNode(node: Node): Node[] {
  return [node, ...(node.children ?? []).flatMap(elementsOfNode)].filter(({ type }) => type === 'tag');
}

describe('macOS profiles', () => {
  type Profile = { PayloadContent: Record<string, unknown>[]; PayloadUUID: string; PayloadType: string };
  const profile = (name: string) => parsePlist(file(name)) as Profile;
  const payload = (name: string, type: string) =>
    profile(name).PayloadContent.find((one) => one['PayloadType'] === type) ?? {};

  test('force every setting in the agent’s own domain', () => {
    const { PayloadContent } = profile('macos/drawbridge-settings.mobileconfig');
    expect(PayloadContent).toHaveLength(1);
    const forced = Object.entries(payload('macos/drawbridge-settings.mobileconfig', 'io.drawbridge.agent'));
    const ours = Object.fromEntries(forced.filter(([key]) => !key.startsWith('Payload')));
    expect(inForce(rawFromDocument('test', ours))).toEqual(Object.fromEntries(values));
  });

  test('have what every profile has to have, the same UUIDs each time, and no two alike', () => {
    const all = ['settings', 'system'].map((name) => profile(`macos/drawbridge-${name}.mobileconfig`));
    const ids = all.flatMap((one) => [
      one.PayloadUUID,
      ...one.PayloadContent.map((inner) => inner['PayloadUUID']),
    ]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids)
      expect(id).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-5[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
    expect(filesFor({ values, team: 'ABCDE12345' })).toEqual(files);
    for (const one of all) {
      expect(one).toMatchObject({ PayloadType: 'Configuration', PayloadVersion: 1, PayloadScope: 'System' });
      for (const inner of one.PayloadContent)
        expect(Object.keys(inner)).toEqual(
          expect.arrayContaining(['PayloadType', 'PayloadIdentifier', 'PayloadVersion']),
        );
    }
    // As `uuidgen --sha1 --namespace 6f0d5a5e-2c1b-4d8e-9a73-5d0c6b1f4e21 --name x` would say (Python’s uuid5 did).
    expect(uuidOf('x')).toBe('2F19A167-C75B-5109-9971-D14B666987FE');
  });

  test('let services and notifications be, and the disk be read by what the team signed', () => {
    const system = 'macos/drawbridge-system.mobileconfig';
    expect(payload(system, 'com.apple.servicemanagement')['Rules']).toEqual([
      {
        RuleType: 'LabelPrefix',
        RuleValue: 'io.drawbridge.',
        Comment: expect.any(String),
        TeamIdentifier: 'ABCDE12345',
      },
    ]);
    expect(payload(system, 'com.apple.notificationsettings')).toMatchObject({
      NotificationSettings: [{ BundleIdentifier: 'io.drawbridge.agent', NotificationsEnabled: true }],
    });
    expect(payload(system, 'com.apple.TCC.configuration-profile-policy')['Services']).toEqual({
      SystemPolicyAllFiles: [
        {
          Identifier: 'io.drawbridge.agent',
          IdentifierType: 'bundleID',
          CodeRequirement: codeRequirement('io.drawbridge.agent', 'ABCDE12345'),
          StaticCode: false,
          Allowed: true,
          Comment: expect.any(String),
        },
      ],
    });
    expect(codeRequirement('io.drawbridge.agent', 'ABCDE12345')).toContain(
      'certificate leaf[subject.OU] = "ABCDE12345"',
    );
  });

  test('name what the package for macOS brings', () => {
    expect(BUNDLE_ID).toBe(IDENTIFIERS.agent);
    const folder = join(import.meta.dirname, '../../../packaging');
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    const jobs = readdirSync(join(folder, 'macos')).filter((name) => name.startsWith('io.drawbridge.'));
    const labels = jobs.map((name) => (parsePlist(read(`macos/${name}`)) as { Label: string }).Label);
    expect(labels.length).toBeGreaterThan(1);
    for (const label of labels) expect(label.startsWith('io.drawbridge.'), label).toBe(true);
    const program = /^agent="(.*)"$/m.exec(read('mdm/jamf/extension-attribute.sh'))?.[1] ?? '';
    expect(read('macos/io.drawbridge.agent.plist')).toContain(`<string>${program}</string>`);
  });

  test('without a team nothing may read the disk', () => {
    const made = filesFor({ values, team: null })['macos/drawbridge-system.mobileconfig'] ?? '';
    const types = (parsePlist(made) as Profile).PayloadContent.map((one) => one['PayloadType']);
    expect(types).toEqual(['com.apple.servicemanagement', 'com.apple.notificationsettings']);
  });
});

describe('the extension attribute', () => {
  const script = readFileSync(
    join(import.meta.dirname, '../../../packaging/mdm/jamf/extension-attribute.sh'),
    'utf8',
  );
  const code = /<<'END'\n([\s\S]*)\nEND\n/.exec(script)?.[1] ?? '';
  const words = (said: unknown) =>
    runInNewContext(
      `${code}; run([${JSON.stringify(typeof said === 'string' ? said : JSON.stringify(said))}])`,
    );
  const connected = { connection: { state: 'connected' }, decision: { access: 'allow' } };

  test.each([
    ['', 'no answer'],
    [{ running: false, status: null }, 'not running'],
    [{ running: false, status: connected }, 'not running'],
    [{ running: true, status: { ...connected, managed: null } }, 'connected; allow; 0 managed settings'],
    [
      { running: true, status: { ...connected, managed: { settings: ['a', 'b'], problems: ['c'] } } },
      'connected; allow; 2 managed settings; 1 wrong',
    ],
    [
      { running: true, status: { connection: { state: 'offline' }, decision: null } },
      'offline; undecided; 0 managed settings',
    ],
  ])('of %j', (said, expected) => {
    expect(words(said)).toBe(`<result>${expected}</result>`);
  });
});

describe('JSON Schema', () => {
  type Schema = {
    properties?: Record<string, Schema>;
    anyOf?: unknown[];
    title?: string;
    description?: string;
  };
  const leaves = (schema: Schema, prefix = ''): [string, Schema][] =>
    Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
      child.properties ? leaves(child, `${prefix}${key}.`) : [[`${prefix}${key}`, child] as [string, Schema]],
    );
  const read = (name: string) => JSON.parse(file(name)) as Schema;
  const compile = (name: string) => {
    const ajv = new Ajv2020({ strict: true });
    formats.default(ajv);
    return ajv.compile(read(name));
  };

  test.each([
    ['schema/agent.schema.json', settings],
    ['schema/managed.schema.json', managedSettings],
    ['jamf/io.drawbridge.agent.json', managedSettings],
  ])('%s has every setting with title and description, and no other', (name, list) => {
    const found = leaves(read(name));
    expect(found.map(([key]) => key).toSorted()).toEqual(list.map((setting) => setting.name).toSorted());
    for (const [key, leaf] of found)
      expect(leaf, key).toMatchObject({
        title: expect.stringMatching(/./),
        description: expect.stringMatching(/./),
      });
  });

  test('takes what the agent takes, and nothing else', () => {
    const isManaged = compile('schema/managed.schema.json');
    const isSettings = compile('schema/agent.schema.json');
    const document = parse(EVERYTHING) as Record<string, unknown>;
    expect(isManaged(document)).toBe(true);
    const { enrolment: _, ...own } = document;
    expect(isSettings(own)).toBe(true);
    expect(configSchema.safeParse(own).success).toBe(true);
    for (const wrong of [
      { vpn: { mode: 'on' } },
      { vpn: { alowed: 1 } },
      { collect: { everySeconds: 1 } },
      { tray: 1 },
    ])
      expect([isManaged(wrong), isSettings(wrong), configSchema.safeParse(wrong).success]).toEqual([
        false,
        false,
        false,
      ]);
  });

  test('for Jamf leaves everything unset until somebody sets it', () => {
    const schema = JSON.parse(file('jamf/io.drawbridge.agent.json')) as Schema;
    expect(schema).toMatchObject({ __preferencedomain: 'io.drawbridge.agent' });
    for (const [, leaf] of leaves(schema))
      expect(leaf.anyOf?.[0]).toEqual({ type: 'null', title: 'Not Configured' });
    const form = new Ajv2020({ strict: false }).compile(schema);
    expect(form(parse(EVERYTHING))).toBe(true);
  });
});

test('Linux’ file sets everything but the enrolment, which has a file of its own', () => {
  const document = asObject(parse(file('linux/managed.yaml'))) ?? {};
  const { 'enrolment.url': _url, 'enrolment.token': _token, ...others } = Object.fromEntries(values);
  expect(inForce(rawFromDocument('test', document))).toEqual(others);
});

test('the documentation’s table has every setting of the file', () => {
  const rows = [...settingsTable().matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  expect(rows).toEqual(settings.map(({ name }) => name));
});

describe('values that a fleet is to have', () => {
  test('that make no sense end the making, each named', () => {
    const wrong = 'vpn: { mode: on-and-off, allowedGateways: ["a b"] }\nlogg: { level: info }\n';
    expect(() => parseValues(wrong, 'fleet.yaml')).toThrow(
      /fleet\.yaml: unknown setting "logg"[\s\S]*vpn\.mode:[\s\S]*entry 1/,
    );
    expect(() => parseValues('- a', 'fleet.yaml')).toThrow('has to hold settings by name');
    expect(() => parseValues('vpn: [', 'fleet.yaml')).toThrow('fleet.yaml:1:');
  });

  test('of the example are good ones', () => {
    expect([...parseValues(EXAMPLE, 'the example').keys()]).toEqual(['vpn.allowedGateways', 'tray.enabled']);
  });
});
