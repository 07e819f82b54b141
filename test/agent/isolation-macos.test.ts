import { beforeEach, describe, expect, test } from 'vitest';
import { ANCHOR, isolationRules, macosIsolation } from '../../src/agent/vpn/isolation-macos.ts';
import type { Isolation, Reachable } from '../../src/agent/vpn/isolation.ts';
import { mac } from './vpn-macos-machine.ts';

const REACH: Reachable[] = [
  { address: '198.51.100.77', protocol: 'any' },
  { address: '198.51.100.10', protocol: 'tcp', port: 8443 },
  { address: '2001:db8:1111:2222:3333:4444:5555:6666', protocol: 'tcp', port: 65_535 },
  { address: '198.51.100.53', protocol: 'udp', port: 53 },
];

describe('a Mac', () => {
  let pc: ReturnType<typeof mac>;
  let isolation: Isolation;

  beforeEach(() => {
    pc = mac();
    isolation = macosIsolation(pc.host);
  });

  const rules = () => pc.state.anchors.get(ANCHOR.name) ?? [];

  test('isolated, seen, changed, lifted', async () => {
    expect(await isolation.inspect()).toEqual({ state: 'none', reach: [], problems: [] });
    const seen = await isolation.apply({ reach: REACH });
    expect(seen).toMatchObject({ state: 'isolated', problems: [] });
    expect(seen.reach).toHaveLength(REACH.length);
    expect(pc.state.forgotten).toEqual(['-F states']);
    expect((await isolation.apply({ reach: [] })).reach).toEqual([]);
    expect(pc.state.tokens).toHaveLength(1);
    expect(await isolation.lift()).toEqual({ state: 'none', reach: [], problems: [] });
    expect(pc.state.tokens).toEqual([]);
    expect(pc.state.anchors.size).toBe(0);
  });

  test('the last rule drops what none before it let through, and each label fits', () => {
    const texts = isolationRules(REACH).map(({ rule }) => rule);
    expect(texts.at(-1)).toBe('block drop quick all');
    expect(texts.slice(0, -1).every((rule) => rule.startsWith('pass') && rule.includes(' quick '))).toBe(
      true,
    );
    expect(texts).toContain(
      'pass out quick inet proto tcp from any to 198.51.100.10 port 8443 flags any no state',
    );
    expect(texts).toContain(
      'pass in quick inet proto tcp from 198.51.100.10 port 8443 to any flags A/A no state',
    );
  });

  test('a label is never longer than pf keeps', async () => {
    const reach = Array.from({ length: 200 }, (_, index) => ({
      address: `2001:db8:1111:2222:3333:4444:5555:${(4_096 + index).toString(16)}`,
      protocol: 'tcp' as const,
      port: 65_535,
    }));
    await isolation.apply({ reach });
    const labels = rules().map((rule) => / label "(.*)"/.exec(rule)?.[1] ?? '');
    expect(Math.max(...labels.map(({ length }) => length))).toBeLessThanOrEqual(63);
  });

  test('a rule that is gone, a changed label, a pf that is off are seen', async () => {
    await isolation.apply({ reach: REACH });
    rules().splice(3, 1);
    expect((await isolation.inspect()).state).toBe('unknown');
    await isolation.apply({ reach: REACH });
    rules().splice(3, 0, 'pass quick all\n');
    expect((await isolation.inspect()).state).toBe('unknown');
    await isolation.apply({ reach: REACH });
    pc.state.tokens = [];
    expect(await isolation.inspect()).toMatchObject({ state: 'unknown', problems: ['pf is off'] });
  });

  test('what pfctl refuses is no success', async () => {
    pc.state.refuseRules = true;
    await expect(isolation.apply({ reach: REACH })).rejects.toThrow('syntax error');
    expect(pc.state.tokens).toEqual([]);
  });

  test('without pfctl nothing is known', async () => {
    pc.state.broken = 'not-found';
    expect(await isolation.inspect()).toMatchObject({ state: 'unknown', problems: ['pfctl: not-found'] });
    await expect(isolation.lift()).rejects.toThrow('pfctl');
  });
});
