import { describe, expect, test } from 'vitest';
import { parseTable, ruleset } from '../../src/agent/vpn/isolation-nft.ts';
import { linuxIsolation } from '../../src/agent/vpn/isolation-linux.ts';
import { IsolationFailure } from '../../src/agent/vpn/isolation.ts';
import type { Output } from '../../src/base/exec.ts';

const answer = (change: Partial<Output>): Output => ({
  stdout: '',
  stderr: '',
  code: 0,
  failure: null,
  ...change,
});

describe('the table as text', () => {
  test('an address is written as it was understood, never as it was given', () => {
    const text = ruleset([{ address: '2001:DB8:0:0::1', protocol: 'tcp', port: 8443 }]);
    expect(text).toContain('ip6 daddr 2001:db8::1 tcp dport 8443 accept');
    expect(text).toContain('ip6 saddr 2001:db8::1 tcp sport 8443 ct state established accept');
    expect(() => ruleset([{ address: '1.2.3.4 accept', protocol: 'any' }])).toThrow('1.2.3.4 accept');
  });
});

describe('what nft says', () => {
  test.each([
    '',
    'garbage',
    '{"nftables": 1}',
    '{"nftables": []}',
    '{"nftables": [{"rule": {"chain": "output"}}]}',
  ])('no list of ours is never taken for one: %j', (text) =>
    expect(parseTable(text).problems).not.toEqual([]),
  );

  test('without nft nothing is known, and it is said what to install', async () => {
    const isolation = linuxIsolation({ run: async () => answer({ code: null, failure: 'not-found' }) });
    const seen = {
      state: 'unknown',
      reach: [],
      problems: ['nft is not installed: install the package nftables'],
    };
    expect(await isolation.inspect()).toEqual(seen);
    await expect(isolation.apply({ reach: [] })).rejects.toMatchObject({
      status: 500,
      message: seen.problems[0],
      seen,
    });
    await expect(isolation.lift()).rejects.toBeInstanceOf(IsolationFailure);
  });

  test('an nft that says yes and does nothing is found out', async () => {
    const isolation = linuxIsolation({ run: async () => answer({ stdout: '{"nftables": []}' }) });
    await expect(isolation.apply({ reach: [] })).rejects.toMatchObject({ seen: { state: 'none' } });
  });
});
