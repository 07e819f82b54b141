import { readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { CommandOptions, Host, Output } from '../../collectors/check.ts';
import { parseRules, parseTable, withBlock } from '../../collectors/vpn-client/linux-block.ts';
import { bareProfile } from '../../collectors/vpn-client/profile.ts';
import { ruleArguments } from '../../src/agent/vpn/linux-block.ts';
import { gatewaysOf } from '../../src/agent/vpn/linux-dialler.ts';
import { scopeByTunnels } from '../../src/agent/vpn/linux-scope.ts';
import { parseAhosts } from '../../src/agent/vpn/linux-gateways.ts';
import { parseViciTunnels } from '../../src/agent/vpn/linux-ike.ts';
import { hangUpSessions } from '../../src/agent/vpn/linux-ending.ts';
import { parseStat } from '../../src/agent/vpn/linux-processes.ts';
import { blockRules, type BlockPlan } from '../../src/agent/vpn/linux-rules.ts';
import { Standby } from '../../src/agent/vpn/linux-standby.ts';
import { lettingGo, startWaiting, type Tools } from '../../src/agent/vpn/linux-tools.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Command } from '../../src/base/commands.ts';
import { err, ok } from '../../src/base/result.ts';
import { noFailpoints } from '../../src/base/failpoint.ts';

const everything: BlockPlan = {
  stage: 'cut',
  interfaces: ['ppp0'],
  profiles: null,
  gateways: [],
  spared: [],
};

describe('the rules of the block', () => {
  test('the cut stops the interface both ways and L2TP outside IPsec, so that goodbyes still go out inside', () => {
    const text = blockRules(everything);
    expect(text).toContain('oifname "ppp0" counter drop');
    expect(text).toContain('iifname "ppp0" counter drop');
    expect(text).toContain('udp dport 1701 rt ipsec missing counter drop');
    expect(text).not.toMatch(/udp dport 1701 counter drop/);
    expect(blockRules({ ...everything, interfaces: ['ppp0', 'l2tp1'] })).toContain(
      'oifname { "ppp0", "l2tp1" } counter drop',
    );
  });

  test('before gateways are known there is nothing in the table about them', () => {
    expect(blockRules(everything)).not.toMatch(/\bset\b|new IKE/);
    const [v4, v6] = ['203.0.113.1', '2001:db8::1'].map((one) =>
      blockRules({ ...everything, gateways: [one] }),
    );
    expect(v4).toMatch(/ip daddr @stopped4/);
    expect(v4).not.toMatch(/stopped6/);
    expect(v6).toMatch(/ip6 saddr @stopped6/);
    expect(v6).not.toMatch(/stopped4/);
  });

  test('the standing block stops all L2TP and new IKE to the gateways', () => {
    const text = blockRules({
      ...everything,
      stage: 'standing',
      interfaces: [],
      gateways: ['203.0.113.1', '2001:db8::1'],
    });
    expect(text).toContain('udp dport 1701 counter drop');
    expect(text).toContain('set stopped4 { type ipv4_addr; elements = { 203.0.113.1 }; }');
    expect(text).toContain('set stopped6 { type ipv6_addr; elements = { 2001:db8::1 }; }');
    expect(text).toContain('ip daddr @stopped4 udp dport 4500 @th,64,32 0 @th,160,64 0 counter drop');
    expect(text).not.toContain('ifname');
  });

  test('a spared gateway is let through inside IPsec only', () => {
    const text = blockRules({ ...everything, profiles: ['corp'], spared: ['198.51.100.1'] });
    expect(text).toContain('ip daddr { 198.51.100.1 } udp dport 1701 rt ipsec exists accept');
    expect(text).toContain('ip saddr { 198.51.100.1 } udp sport 1701 meta ipsec exists accept');
  });

  test('no name gets out of its quotes', () => {
    const hostile = 'x" ; } flush ruleset\n#';
    const text = blockRules({
      ...everything,
      profiles: [hostile],
      interfaces: ['p"; flush ruleset', 'ppp1'],
    });
    expect(text).not.toMatch(/^\s*(?:flush|#)/m);
    expect(text.match(/"/g)?.length).toBe((text.match(/"[^"\n]*"/g)?.length ?? 0) * 2);
    expect(text).toContain('oifname "ppp1" counter drop');
  });
});

/** As `nft list table inet drawbridge-vpn` of 1.0.6 printed it. */
const listed = `table inet drawbridge-vpn {
	set stopped4 {
		type ipv4_addr
		elements = { 198.51.100.1, 203.0.113.1 }
	}

	chain profiles {
		continue comment "corp"
	}

	chain output {
		type filter hook output priority raw - 10; policy accept;
		udp dport 1701 counter packets 3 bytes 138 drop comment "no L2TP"
		ip daddr @stopped4 udp dport 500 @th,128,64 0x0 counter packets 3 bytes 624 drop comment "new IKE"
	}
}
`;

describe('reading the block back', () => {
  test('profiles and gateways of our table', () => {
    expect(parseTable(listed)).toEqual({
      all: false,
      profiles: ['corp'],
      gateways: ['198.51.100.1', '203.0.113.1'],
    });
    expect(parseTable(listed.replace('"corp"', '"*"'))).toMatchObject({ all: true });
  });

  test('a table that somebody emptied holds nothing', () => {
    expect(parseTable(listed.replace(/^.*no L2TP.*$/m, ''))).toBe('none');
    expect(parseTable(listed.replace('hook output', 'hook input'))).toBe('none');
  });

  test('routing rules: ours alone, to one gateway or to all', () => {
    const rules = [
      { priority: 0, src: 'all', table: 'local' },
      { priority: 1701, src: 'all', dst: '203.0.113.1', ipproto: 'udp', dport: 1701, action: 'blackhole' },
    ];
    expect(parseRules(JSON.stringify(rules))).toMatchObject({ all: false, gateways: ['203.0.113.1'] });
    expect(parseRules(JSON.stringify(rules.slice(0, 1)))).toBe('none');
    const { dst: _, ...any } = rules[1] as Record<string, unknown>;
    expect(parseRules(JSON.stringify([any]))).toMatchObject({ all: true });
    expect(parseRules('no JSON')).toBe('none');
  });

  test('denied is said of stopped profiles without a link, up of one whose link lives', () => {
    const block = { all: false, profiles: ['corp'], gateways: ['203.0.113.1'] };
    const down = bareProfile('strongswan', 'corp', 'corp', { state: 'down' });
    expect(withBlock(down, block).state).toBe('denied');
    expect(withBlock({ ...down, state: 'up' }, block).state).toBe('up');
    expect(withBlock({ ...down, state: null }, block).state).toBe(null);
    expect(withBlock({ ...down, id: 'b', name: 'b', gateway: '203.0.113.1' }, block).state).toBe('denied');
    expect(withBlock({ ...down, id: 'b', name: 'b' }, block).state).toBe('down');
    expect(withBlock(down, 'unknown').state).toBe('down');
  });
});

test('without nftables, L2TP and IKE to a gateway, or all L2TP, lead into a black hole', () => {
  const one = ruleArguments({ ...everything, profiles: ['corp'], gateways: ['203.0.113.1'] });
  expect(one.map((argv) => argv.join(' '))).toEqual(
    ['1701', '500', '4500'].map(
      (port) => `-4 rule add priority 1701 to 203.0.113.1 ipproto udp dport ${port} blackhole`,
    ),
  );
  const all = ruleArguments(everything).map((argv) => argv.join(' '));
  expect(all).toEqual([
    '-4 rule add priority 1701 ipproto udp dport 1701 blackhole',
    '-6 rule add priority 1701 ipproto udp dport 1701 blackhole',
  ]);
});

describe('processes', () => {
  const rest = 'S 49 54 49 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 114133 4096 1 18446744073709551615';
  test('number, name, parent and start', () => {
    const expected = { pid: 54, parent: 49, name: 'pppd', startedAt: '114133' };
    expect(parseStat(`54 (pppd) ${rest}\n`)).toEqual(expected);
  });

  test('a name cannot pretend to be another process', () => {
    expect(parseStat(`54 (a) S 1 (pppd) ${rest}`)).toMatchObject({ name: 'a) S 1 (pppd', parent: 49 });
  });

  test('what has ended or is no such line is none', () => {
    expect(parseStat(`54 (pppd) ${rest.replace('S', 'Z')}`)).toBe(null);
    expect(parseStat('')).toBe(null);
    expect(parseStat('54 (pppd) S')).toBe(null);
  });
});

describe('tunnels of strongSwan', () => {
  const fixture = (name: string) =>
    readFileSync(new URL(`../fixtures/vpn-client/linux/${name}`, import.meta.url), 'utf8');

  test('an association that carries L2TP alone ends whole', () => {
    const [one, ...more] = parseViciTunnels(fixture('sas-manual.txt'));
    expect(more).toEqual([]);
    expect(one).toMatchObject({ l2tp: true, up: true });
    expect(one?.ending.argv.slice(0, 2)).toEqual(['--terminate', '--ike-id']);
  });

  test('one without children is coming up', () => {
    expect(parseViciTunnels(fixture('sas-phase1.txt'))).toMatchObject([{ l2tp: null, up: false }]);
  });

  test('beside another child, the one for L2TP ends alone', () => {
    const line =
      'list-sa event {both {uniqueid=7 version=2 state=ESTABLISHED remote-host=203.0.113.1 child-sas {' +
      'l2tp-1 {name=l2tp uniqueid=11 state=INSTALLED local-ts=[192.0.2.1/32[udp]] remote-ts=[203.0.113.1/32[udp/l2f]]} ' +
      'net-2 {name=net uniqueid=12 state=INSTALLED local-ts=[192.0.2.1/32] remote-ts=[10.0.0.0/8]}}}}\nlist-sas reply {}';
    const found = parseViciTunnels(line);
    expect(found.map(({ name, l2tp }) => [name, l2tp])).toEqual([
      ['l2tp', true],
      ['net', false],
    ]);
    expect(found[0]?.ending.argv.slice(1, 3)).toEqual(['--child-id', '11']);
  });
});

test('diallers name their gateways; one whose settings are gone names none', async () => {
  const files = new Map([['/run/nm-l2tp-1/xl2tpd.conf', '[lac l2tp]\nlns = 203.0.113.1\npppoptfile = x\n']]);
  const readText = async (path: string) => {
    const text = files.get(path);
    return text === undefined ? err('missing' as const) : ok(text);
  };
  const host = { readText } as unknown as Host;
  const process = { pid: 1, parent: 1, name: 'xl2tpd', startedAt: '1' };
  const diallers = [...files.keys(), '/run/gone'].map((config) => ({ process, config, control: '' }));
  expect(await gatewaysOf(host, diallers)).toEqual(['203.0.113.1']);
  expect(
    scopeByTunnels({ found: [], secretFiles: [] }, [], ['203.0.113.1', 'vpn.example.test']).addresses,
  ).toEqual(['203.0.113.1']);
});

test('addresses of a name, each once', () => {
  expect(
    parseAhosts('203.0.113.1     STREAM vpn.example.test\n203.0.113.1     DGRAM\n2001:db8::1 STREAM\n'),
  ).toEqual(['203.0.113.1', '2001:db8::1']);
  expect(parseAhosts('x; rm')).toEqual([]);
});

describe('programs that are started ahead of time', () => {
  const node = { path: process.execPath } as Command;
  const start = (made: Tools) => startWaiting(made, [node, ['-e', 'process.stdin.pipe(process.stdout)']]);
  const tools = (failure: Output['failure'] = null): Tools & { ran: (string | undefined)[] } => {
    const ran: (string | undefined)[] = [];
    const host = {
      async run(_command: Command, _argv: readonly string[], { stdin, stdinLater }: CommandOptions) {
        const input = stdin ?? (await stdinLater);
        ran.push(input);
        const isLate = stdin === undefined && failure !== null;
        return { stdout: input ?? '', stderr: '', code: isLate ? null : 0, failure: isLate ? failure : null };
      },
    };
    return { host, ran } as unknown as Tools & { ran: (string | undefined)[] };
  };

  test('each gets its input when it is its turn, and one that is not needed gets none', async () => {
    const made = tools();
    const said = await lettingGo(
      [start(made), start(made)],
      async ([first]) => (await first?.goOn('rules'))?.stdout,
    );
    expect(said).toBe('rules');
    await vi.waitFor(() => expect(made.ran).toEqual(['rules', '']));
  });

  test('none waits for ever after a failure', async () => {
    const made = tools();
    await expect(lettingGo([start(made)], () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    await vi.waitFor(() => expect(made.ran).toEqual(['']));
  });

  test('one whose time was over before its turn is started anew', async () => {
    const made = tools('timeout');
    const said = await lettingGo([start(made)], async ([first]) => first?.goOn('rules'));
    expect(said).toMatchObject({ stdout: 'rules', code: 0 });
    expect(made.ran).toEqual(['rules', 'rules']);
  });

  test('one that did not wait until its turn is started anew', async () => {
    const ran: (string | undefined)[] = [];
    const run = async (_command: Command, _argv: readonly string[], { stdin }: CommandOptions) => {
      ran.push(stdin);
      return { stdout: stdin ?? '', stderr: '', code: stdin === undefined ? 1 : 0, failure: null };
    };
    const made = { host: { run } } as unknown as Tools;
    const said = await lettingGo([start(made)], async ([first]) => {
      await new Promise(setImmediate);
      return first?.goOn('rules');
    });
    expect(said).toMatchObject({ stdout: 'rules', code: 0 });
    expect(ran).toEqual([undefined, 'rules']);
  });

  describe('for the next denial', () => {
    const keeping = () => {
      const made = tools();
      const run = vi.spyOn(made.host, 'run');
      const sleeps: { ms: number; wake: () => void }[] = [];
      const clock = {
        sleep: (ms: number, signal?: AbortSignal) =>
          new Promise<void>((resolve, reject) => {
            sleeps.push({ ms, wake: resolve });
            signal?.addEventListener('abort', () => reject(new Error('over')), { once: true });
          }),
      };
      const standby = new Standby({ ...made, clock } as unknown as Tools);
      const control = new AbortController();
      const kept = standby.keep(control.signal);
      const end = () => {
        control.abort();
        return kept;
      };
      return { standby, begun: () => run.mock.calls.length, ran: made.ran, sleeps, end };
    };

    const say = (standby: Standby, text: string) => standby.take().goOn(text);

    test('three wait, each is taken once, and others take their place later', async () => {
      const { standby, begun, ran, sleeps, end } = keeping();
      expect(begun()).toBe(3);
      expect(await say(standby, 'cut')).toMatchObject({ stdout: 'cut' });
      expect(begun()).toBe(3);
      const refilled = standby.refill();
      for (const text of ['block', 'look', 'block again']) await say(standby, text);
      expect(begun()).toBe(4);
      sleeps.at(-1)?.wake();
      await refilled;
      expect(begun()).toBe(7);
      await end();
      await vi.waitFor(() => expect(ran).toEqual(['cut', 'block', 'look', 'block again', '', '', '']));
    });

    test('they are renewed, and let go at the end', async () => {
      const { standby, begun, ran, sleeps, end } = keeping();
      sleeps[0]?.wake();
      await vi.waitFor(() => expect(ran).toEqual(['', '', '']));
      expect(begun()).toBe(6);
      await end();
      await vi.waitFor(() => expect(ran).toHaveLength(6));
      const refilled = standby.refill();
      sleeps.at(-1)?.wake();
      await refilled;
      expect(begun()).toBe(6);
    });
  });
});

describe('pppd that is told to end', () => {
  const LINK = '/sys/class/net/ppp0';
  const STAT = '/proc/54/stat';
  const pppd = { pid: 54, parent: 49, name: 'pppd', startedAt: '114133' };
  const session = { interface: 'ppp0', pppd, dialler: null };

  /** A system with this pppd and its link, which do as the test says when they are told to end. */
  function system(onSignal: (signal: string, there: Set<string>) => void) {
    const there = new Set([LINK, STAT]);
    const stat = `54 (pppd) S 49 ${'0 '.repeat(17)}114133 0`;
    const has = (path: string) => there.has(path);
    const host = {
      status: async (path: string) => ({ ok: has(path) }),
      readText: async (path: string) => (has(path) ? { ok: true, value: stat } : { ok: false }),
    };
    const signal = (_pid: number, name: string) => onSignal(name, there);
    const tools = { host, clock: systemClock, failpoints: noFailpoints, signal } as unknown as Tools;
    return { there, tools };
  }

  test('what comes next does not wait for its scripts, which are not cut short', async () => {
    const signals: string[] = [];
    const { there, tools } = system((signal, all) => {
      signals.push(signal);
      all.delete(LINK);
    });
    const leaving = await hangUpSessions(tools, [session]);
    expect(there.has(STAT)).toBe(true);
    let isGone = false;
    const waiting = leaving.gone.then(() => (isGone = true));
    await systemClock.sleep(30);
    expect(isGone).toBe(false);
    there.delete(STAT);
    await waiting;
    expect(signals).toEqual(['SIGTERM']);
  });
});
