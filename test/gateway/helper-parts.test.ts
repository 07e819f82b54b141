import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEvent, readEvents, type PeerEvent } from '../../src/gateway/events.ts';
import { createPeers } from '../../src/gateway/peers.ts';
import { classText, parseLinks, parsePid, parseRadattr } from '../../src/gateway/ppp.ts';
import { renderTable } from '../../src/gateway/quarantine.ts';

const HOOKS = join(import.meta.dirname, '../../packaging/gateway');
const PEER = {
  PLUTO_VERB: 'up-host',
  PLUTO_PEER: '198.51.100.7',
  PLUTO_PEER_ID: 'O=Example, CN=d_abc',
  PLUTO_UNIQUEID: '12',
  PLUTO_REQID: '3',
};
const eventText = (values: Record<string, string>) =>
  Object.entries({ KIND: 'peer', ...values })
    .map(([name, value]) => `${name}=${value}\0`)
    .join('');

describe('an event', () => {
  test('of strongSwan names the peer', () => {
    expect(parseEvent(eventText(PEER), 5)).toEqual({
      kind: 'peer',
      event: 'up',
      peerAddress: '198.51.100.7',
      peerId: 'O=Example, CN=d_abc',
      tunnel: '12/3',
      proof: null,
      at: 5,
    });
  });

  test('says that the connection takes certificates only, by one word and no other', () => {
    expect(parseEvent(eventText({ PROOF: 'certificate', ...PEER }), 5)).toMatchObject({
      proof: 'certificate',
    });
    expect(parseEvent(eventText({ PROOF: 'psk', ...PEER }), 5)).toMatchObject({ proof: null });
  });

  test.each([
    ['a verb that is none', { PLUTO_VERB: 'route-host' }],
    ['a verb of every object', { PLUTO_VERB: 'constructor' }],
    ['an address that is none', { PLUTO_PEER: '198.51.100.7; id' }],
    ['no name', { PLUTO_PEER_ID: '' }],
    ['a name of two lines', { PLUTO_PEER_ID: 'a\nb' }],
    ['a name that is not UTF-8', { PLUTO_PEER_ID: 'a\ufffd' }],
    ['a name without end', { PLUTO_PEER_ID: 'a'.repeat(1_001) }],
    ['a number that is none', { PLUTO_UNIQUEID: '1e9' }],
    ['another kind', { KIND: 'order' }],
  ])('with %s is none', (_what, change) => {
    expect(parseEvent(eventText({ ...PEER, ...change }), 5)).toBeNull();
  });

  test('of any bytes never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        parseEvent(text, 0);
        parseEvent(`KIND=peer\0${text}`, 0);
      }),
      { numRuns: 100 },
    );
  });
});

describe('the hooks', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'drawbridge-events-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const hook = (name: string, env: Record<string, string> = {}) =>
    spawnSync(join(HOOKS, name), { env: { PATH: '/usr/bin:/bin', DRAWBRIDGE_EVENTS: folder, ...env } })
      .status;

  test('of strongSwan writes hostile variables down as they are, and runs none of them', async () => {
    const peerId = `$(touch ${folder}/run) \`touch ${folder}/run\` " ' \\0 %s \\n ; touch ${folder}/run`;
    expect(hook('updown', { ...PEER, PLUTO_PEER_ID: peerId })).toBe(0);
    const events = await readEvents(folder);
    expect(events).toMatchObject([{ event: { kind: 'peer', peerId } }]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test('of strongSwan cannot be made to say two things', async () => {
    hook('updown', { ...PEER, PLUTO_VERB: 'up-host\nPLUTO_PEER_ID=root' });
    expect(await readEvents(folder)).toEqual([]);
  });

  test('of strongSwan passes on what its connection takes', async () => {
    spawnSync(join(HOOKS, 'updown'), ['certificate'], {
      env: { PATH: '/usr/bin:/bin', DRAWBRIDGE_EVENTS: folder, ...PEER },
    });
    expect(await readEvents(folder)).toMatchObject([{ event: { proof: 'certificate' } }]);
  });

  test.runIf(process.getuid?.() === 0)(
    'leave what the folder’s owner can read, who is not root (needs root)',
    () => {
      chownSync(folder, 65_534, 65_534);
      for (const name of ['updown', 'ppp-hook']) expect(hook(name, PEER)).toBe(0);
      const owners = readdirSync(folder).map((name) => statSync(join(folder, name)).uid);
      expect(owners).toEqual([65_534, 65_534]);
    },
  );

  test('of pppd asks for a look', async () => {
    expect(hook('ppp-hook')).toBe(0);
    expect(await readEvents(folder)).toMatchObject([{ event: { kind: 'ppp' } }]);
  });

  test.each(['updown', 'ppp-hook'])('%s never fails, not even without a folder', (name) => {
    expect(hook(name, { DRAWBRIDGE_EVENTS: join(folder, 'none') })).toBe(0);
  });

  test('what is no event is removed, and what is not finished is left', async () => {
    writeFileSync(join(folder, 'event-1'), 'nonsense');
    writeFileSync(join(folder, 'event-2'), 'x'.repeat(10_000));
    writeFileSync(join(folder, 'new-3'), eventText(PEER));
    expect(await readEvents(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual(['new-3']);
  });
});

describe('peers', () => {
  const event = (kind: 'up' | 'down', tunnel: string, peerId = 'a'): PeerEvent => ({
    event: kind,
    peerAddress: '198.51.100.7',
    peerId,
    tunnel,
    proof: null,
    at: 0,
  });

  test('are there while any of their tunnels is', () => {
    const peers = createPeers([]);
    expect(peers.note(event('up', '1'))).toBe(true);
    expect(peers.note(event('up', '2'))).toBe(true);
    expect(peers.note(event('down', '1'))).toBe(false);
    expect(peers.at('198.51.100.7')).toEqual(['a']);
    expect(peers.note(event('down', '2'))).toBe(true);
    expect(peers.at('198.51.100.7')).toEqual([]);
  });

  test('come and go as often as they are told of, and over a restart', () => {
    const peers = createPeers(createPeersWith('a', 'b'));
    expect(peers.at('198.51.100.7').toSorted()).toEqual(['a', 'b']);
    expect([peers.note(event('down', '1')), peers.note(event('down', '1'))]).toEqual([true, true]);
    expect(peers.at('198.51.100.7')).toEqual(['b']);
  });

  function createPeersWith(...ids: string[]) {
    const peers = createPeers([]);
    for (const id of ids) peers.note(event('up', '1', id));
    return peers.all();
  }
});

describe('what the system shows of PPP', () => {
  test('links with a peer', () => {
    const text = JSON.stringify([
      { ifindex: 1, ifname: 'lo', addr_info: [{ local: '127.0.0.1' }] },
      { ifindex: 7, ifname: 'ppp3', addr_info: [{ local: '10.99.1.1', address: '10.99.1.200' }] },
      { ifindex: 8, ifname: 'ppp4', addr_info: [] },
      { ifindex: 9, ifname: 'pppoe', addr_info: [{ local: '10.0.0.1', address: '10.0.0.2' }] },
      {},
    ]);
    expect(parseLinks(text)).toEqual([{ unit: 3, ifindex: 7, address: '10.99.1.200' }]);
    expect(parseLinks('nonsense')).toEqual([]);
  });

  test('attributes of the login', () => {
    const file = 'Framed-Protocol PPP\nFilter-Id posture-restrict\nClass p1;n=x\nClass 0x7032\n';
    expect(parseRadattr(file)).toEqual({ classes: ['p1;n=x', 'p2'], filterId: 'posture-restrict' });
    expect(parseRadattr('')).toEqual({ classes: [], filterId: null });
    expect(classText('0x7')).toBe('0x7');
  });

  test.each([
    ['123\nppp0\n', 123],
    ['  77', 77],
    ['1', null],
    ['0', null],
    ['-5', null],
    ['', null],
    ['12 34', null],
  ])('the pid in %j', (file, pid) => {
    expect(parsePid(file)).toBe(pid);
  });
});

describe('the rules', () => {
  const filters = { full: 'open', ill: { reach: ['192.0.2.10', '2001:db8::/32'] } } as const;

  test('hold by interface and address whom a filter holds, and whose filter nobody knows', () => {
    const table = renderTable(filters, [
      { unit: 0, address: '10.0.0.1', filter: 'full' },
      { unit: 1, address: '10.0.0.2', filter: 'ill' },
      { unit: 2, address: '10.0.0.3', filter: null },
      { unit: 3, address: '10.0.0.4', filter: 'constructor' },
    ]);
    expect(table).toMatch(/set interfaces0 \{\s+type ifname\s+elements = \{ "ppp1" \}/);
    expect(table).toMatch(/set addresses0 \{[^}]*elements = \{ 10\.0\.0\.2 \}/);
    expect(table).toMatch(/set four0 \{[^}]*elements = \{ 192\.0\.2\.10 \}/);
    expect(table).toMatch(/set six0 \{[^}]*elements = \{ 2001:db8::\/32 \}/);
    expect(table).toMatch(/set interfaces1 \{\s+type ifname\s+elements = \{ "ppp3" \}/);
    expect(table).toMatch(/chain out1 \{\s+drop\s+\}/);
    expect(table).not.toMatch(/ppp0|ppp2/);
  });

  test('replace our own table in one step, and no other', () => {
    const table = renderTable(filters, []);
    expect(table.match(/^(add|delete|table|flush).*$/gm)).toEqual([
      'add table inet drawbridge_gateway',
      'delete table inet drawbridge_gateway',
      'table inet drawbridge_gateway {',
    ]);
  });
});
