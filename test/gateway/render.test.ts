import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseGatewayConfig } from '../../src/gateway/config.ts';
import { renderSite } from '../../src/gateway/render.ts';
import { shippedFiles } from '../../src/gateway/write-configuration.ts';
import { gatewayConfigWith, settingsText } from './settings.ts';

const FILE = '/etc/drawbridge/gateway.yaml';
const SECRETS = {
  credential: 'gw_a.AAAAAAAAAAAAAAAAAAAAAA',
  clients: new Map([['lns', 'a-secret-of-this-test']]),
  coaClients: new Map([['posture', 'another-secret-of-it']]),
  helperToken: 'a-token-of-this-test',
  homeServers: ['a-secret-of-the-home'],
  ldapPassword: 'a-password-of-it',
};

function rendered(more: Record<string, unknown> = {}): Record<string, string> {
  const files = renderSite(gatewayConfigWith(more), SECRETS);
  return Object.fromEntries(files.map(({ path, text }) => [path, text]));
}

describe('settings', () => {
  test.each([
    ['servers', ['http://posture.example.org'], 'has to be like https://posture.example.org:8443'],
    ['servers', ['https://posture.example.org/${x}'], 'has to be like https://posture.example.org:8443'],
    ['servers', [], 'at least 1'],
    ['caFile', '/etc/${x}', 'has to be a path'],
    ['fallback', { message: '%{exec:/bin/id}' }, 'has to be one line'],
    ['fallback', { message: 'a\nb' }, 'has to be one line'],
    ['fallback', { message: 'é'.repeat(127) }, 'fit into 253 bytes'],
    ['fallback', { restrict: { filterId: 'x" }\nexec' } }, 'has to be a word'],
    ['fallback', { restrict: { ciscoAvPairs: ['ip:inacl="%{x}"'] } }, 'has to be like ip:inacl=name'],
    ['fallback', { lastKnownGoodMinutes: 16 }, 'at most 15'],
    ['fallback', { then: 'accept' }, 'is not one of restrict, reject'],
    ['fallback', { thn: 'reject' }, 'did you mean "then"'],
    ['freeradius', { clients: [{ name: 'a b', address: '127.0.0.1', secretFile: 's' }] }, 'letters, digits'],
    ['freeradius', { clients: [{ name: 'a', address: 'lns', secretFile: 's' }] }, 'an address or a network'],
    ['freeradius', { user: 'root; x' }, 'user'],
    ['coa', { clients: [{ name: 'a', address: '192.0.2.1', secretFile: 's' }] }, 'needs the helper'],
    ['helper', { tokenFile: 't', filters: { 'a b': 'open' } }, 'the value of a Filter-Id'],
    ['helper', { tokenFile: 't', filters: { a: { reach: ['everywhere'] } } }, 'what stays reachable'],
  ])('%s %j is refused', (key, value, message) => {
    const parsed = parseGatewayConfig(settingsText({ [key]: value }), FILE);
    expect(parsed.ok ? '' : parsed.error).toContain(message);
  });

  test('no text that is accepted means anything to FreeRADIUS', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
        const settings = { fallback: { message: text, restrict: { filterId: text } } };
        const parsed = parseGatewayConfig(settingsText(settings), FILE);
        // oxlint-disable-next-line no-control-regex -- control characters are what this is about
        return !parsed.ok || !/["\\$%`{}\u0000-\u001f]/.test(text);
      }),
      { numRuns: 60 },
    );
  });
});

describe('what is written', () => {
  test('asks the servers in their order', () => {
    const files = rendered({ servers: ['https://a.example', 'https://b.example:8443/'] });
    expect(files['drawbridge/servers.conf']).toMatch(
      /rest drawbridge1 \{\s+base_uri = "https:\/\/a\.example"[\s\S]*rest drawbridge2 \{\s+base_uri = "https:\/\/b\.example:8443"/,
    );
    expect(files['drawbridge/ask.conf']).toMatch(/drawbridge1 \{[\s\S]*drawbridge2 \{[\s\S]*drawbridge1 \{/);
  });

  test('keeps secrets in private files, and nowhere else', () => {
    const clients = [{ name: 'lns', address: '127.0.0.1', secretFile: 's', kind: 'pppd' }];
    const coa = { clients: [{ name: 'posture', address: '192.0.2.10', secretFile: 's' }] };
    const helper = { tokenFile: 't' };
    const files = renderSite(gatewayConfigWith({ freeradius: { clients }, helper, coa }), SECRETS);
    const secrets = [
      SECRETS.credential,
      SECRETS.helperToken,
      ...SECRETS.clients.values(),
      ...SECRETS.coaClients.values(),
    ];
    const holding = files.filter(({ text }) => secrets.some((secret) => text.includes(secret)));
    expect(holding.map(({ path }) => path)).toEqual([
      'drawbridge/credential.conf',
      'drawbridge/clients.conf',
      'drawbridge/coa.conf',
    ]);
    expect(holding.every((file) => file.private)).toBe(true);
  });

  test('asks Message-Authenticator of every client but pppd, which cannot send it', () => {
    const clients = ['pppd', 'accel-ppp'].map((kind) => ({
      name: kind,
      address: '127.0.0.1',
      secretFile: 's',
      kind,
    }));
    const text = rendered({ freeradius: { clients } })['drawbridge/clients.conf'] ?? '';
    expect(text).toMatch(/client pppd \{[^}]*require_message_authenticator = no/);
    expect(text).toMatch(/client accel-ppp \{[^}]*require_message_authenticator = yes/);
  });
});

describe('what is shipped', () => {
  test('has no connect_uri, which would make an outage longer, and sends no password', () => {
    const files = shippedFiles();
    const code = files.map(({ text }) => text.replaceAll(/^\s*#.*$/gm, '')).join('\n');
    expect(files.map(({ path }) => path)).toContain('radiusd.conf');
    expect(code).not.toContain('connect_uri');
    const bodies = [...code.matchAll(/^\s*data = .*$/gm)].map(([line]) => line);
    expect(bodies).toHaveLength(2);
    expect(bodies.join('')).not.toMatch(/Password|CHAP/);
  });
});
