import { describe, expect, test } from 'vitest';
import { nameserversIn, reachFor, resolversOf } from '../../src/agent/vpn/isolation-reach.ts';
import { textOfReach } from '../../src/agent/vpn/isolation.ts';
import { err, ok } from '../../src/base/result.ts';

const zone: Record<string, string[]> = {
  'posture.example.org': ['198.51.100.10', '2001:DB8:0::10'],
  'proxy.example.org': ['203.0.113.8'],
  'helpdesk.example.org': ['198.51.100.77'],
  'liar.example.org': ['127.0.0.1', 'fe80::1%eth0', '; flush ruleset', '::ffff:198.51.100.9'],
};

async function ask(urls: string[], named: string[] = [], resolvers: string[] = ['198.51.100.53']) {
  const asked: string[] = [];
  const { want, unresolved } = await reachFor({
    connectsTo: urls.map((url) => new URL(url)),
    named,
    resolvers,
    async lookup(name) {
      asked.push(name);
      const found = zone[name];
      if (found === undefined) throw new Error('ENOTFOUND');
      return found;
    },
  });
  return { reach: want.reach.map(textOfReach), unresolved, asked };
}

const DNS = ['tcp 198.51.100.53 53', 'tcp 198.51.100.53 853', 'udp 198.51.100.53 53'];

describe('who stays reachable', () => {
  test('the server at all its addresses, on its port, and the resolver that knows them', async () => {
    const { reach, unresolved } = await ask(['https://posture.example.org:8443/']);
    expect(reach).toEqual(['tcp 198.51.100.10 8443', ...DNS, 'tcp 2001:db8::10 8443'].toSorted());
    expect(unresolved).toEqual([]);
  });

  test('a server known by its address needs no resolver', async () => {
    expect((await ask(['https://[2001:db8::10]/'])).reach).toEqual(['tcp 2001:db8::10 443']);
  });

  test('a proxy stands for the server behind it', async () => {
    expect((await ask(['http://proxy.example.org:3128/'], [], [])).reach).toEqual(['tcp 203.0.113.8 3128']);
  });

  test('hosts that the policy names are reached whole; one without an address is said, the others hold', async () => {
    const { reach, unresolved, asked } = await ask(
      ['https://198.51.100.10/'],
      ['helpdesk.example.org', '203.0.113.5', 'gone.example.org'],
      [],
    );
    expect(reach).toEqual(['any 198.51.100.77', 'any 203.0.113.5', 'tcp 198.51.100.10 443']);
    expect(unresolved).toEqual(['gone.example.org']);
    expect(asked).toEqual(['helpdesk.example.org', 'gone.example.org']);
  });

  test('of a resolver’s answer only addresses count, and none of this very computer', async () => {
    expect((await ask(['https://liar.example.org/'], [], [])).reach).toEqual(['tcp 198.51.100.9 443']);
  });
});

describe('whom names are asked of', () => {
  const files = (texts: Record<string, string>) => ({
    readText: async (path: string) => {
      const text = texts[path];
      return text === undefined ? err('missing' as const) : ok(text);
    },
  });

  test('servers as Node lists them, with ports and zones', async () => {
    const servers = ['198.51.100.53', '[2001:db8::53]:5353', '198.51.100.54:5353', 'fe80::1%eth0', 'junk'];
    expect(
      await resolversOf(servers, files({ '/run/systemd/resolve/resolv.conf': 'nameserver 9.9.9.9' })),
    ).toEqual(['198.51.100.53', '2001:db8::53', '198.51.100.54', 'fe80::1']);
  });

  test('behind a forwarder on this computer, the ones that it asks', async () => {
    const behind = files({
      '/run/systemd/resolve/resolv.conf': '# made by systemd\nnameserver 198.51.100.53\nsearch example.org\n',
      '/run/NetworkManager/no-stub-resolv.conf': 'nameserver 2001:db8::53%wlan0\nnameserver 198.51.100.53\n',
    });
    expect(await resolversOf(['127.0.0.53'], behind)).toEqual(['198.51.100.53', '2001:db8::53']);
    expect(await resolversOf(['127.0.0.53'], files({}))).toEqual([]);
  });

  test('of a resolv.conf the first sixteen name servers that are addresses', () => {
    const many = Array.from({ length: 40 }, (_, index) => `nameserver 198.51.100.${index + 1}`);
    expect(nameserversIn(['nameserver $(reboot)', ...many].join('\n'))).toHaveLength(15);
  });
});
