import { describe, expect, test } from 'vitest';
import { targetsOf, wordsIn, type OwnNetwork } from '../../src/scan/targets.ts';

const names: Readonly<Record<string, string[]>> = {
  'vpn.example.com': ['192.0.2.1', '2001:db8::1'],
  'group.example.com': ['224.0.0.1'],
};
const resolve = async (name: string) => names[name] ?? Promise.reject(new Error('ENOTFOUND'));

async function addresses(words: string[], own: OwnNetwork[] = []) {
  const found = await targetsOf(words, resolve, own);
  return found.ok ? found.value.map(({ address }) => address) : found.error;
}

test('addresses, networks and names, each address once and in order', async () => {
  expect(await addresses(['192.0.2.2', '192.0.2.0/30', 'vpn.example.com', '2001:DB8:0::1'])).toEqual([
    '192.0.2.2',
    '192.0.2.0',
    '192.0.2.1',
    '192.0.2.3',
    '2001:db8::1',
  ]);
  expect(await targetsOf(['vpn.example.com'], resolve, [])).toMatchObject({
    value: [{ address: '192.0.2.1', name: 'vpn.example.com' }, { address: '2001:db8::1' }],
  });
});

test('the edges of this computer’s own network are no hosts', async () => {
  const own = [{ address: '192.0.2.1', cidr: '192.0.2.1/30' }];
  expect(await addresses(['192.0.2.0/30'], own)).toEqual(['192.0.2.1', '192.0.2.2']);
});

describe('what is refused, with a sentence', () => {
  test.each([
    ['10.0.0.0/8', 'more than 65536 addresses'],
    ['2001:db8::/64', 'more than 65536 addresses'],
    ['224.0.0.1', 'no address of one host'],
    ['ff02::1', 'no address of one host'],
    ['0.0.0.0', 'no address of one host'],
    ['255.255.255.255', 'no address of one host'],
    ['239.1.1.0/30', 'no address of one host'],
    ['192.0.2.0/33', 'is no network'],
    ['192.0.2.0/', 'is no network'],
    ['host/24', 'is no network'],
    ['10.1', 'neither a host'],
    ['0x7f000001', 'neither a host'],
    ['-oProxy', 'neither a host'],
    ['a b', 'neither a host'],
    ['unknown.example.com', 'has no address'],
    ['group.example.com', 'no address of one host'],
  ])('%s', async (word, sentence) => {
    expect(await addresses([word])).toContain(sentence);
  });

  test('many networks that are too many together', async () => {
    expect(await addresses(['10.0.0.0/16', '10.1.0.0/32'])).toContain('more than 65536');
  });
});

test('a file has one a line, with comments', () => {
  expect(wordsIn('# ours\n192.0.2.1\r\n\n vpn.example.com # the gateway\n')).toEqual([
    '192.0.2.1',
    'vpn.example.com',
  ]);
});
