import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FALLBACK,
  hasFreeradius,
  METHODS,
  PASSWORD,
  startFreeradius,
  type Freeradius,
} from '../support/freeradius.ts';
import { postureStubs, saying, type PostureStub } from '../support/posture-stub.ts';

const HOSTILE = [
  '%{User-Name} %{exec:/usr/bin/id} %{sql:drop} %%',
  '`id` $(id) ${confdir} \\\\ \\"',
  '"},{"user_name":"root","x":"',
  'émile#büro@realm.example',
  '日本😀',
  'a/../b',
];

/** One of what a client can put into a login: its own name, and what its gateway passes on. */
const CLIENT_TEXT = [
  'User-Name',
  'Calling-Station-Id',
  'Called-Station-Id',
  'NAS-Port-Id',
  'Acct-Session-Id',
];

describe.runIf(hasFreeradius)('traps of FreeRADIUS (needs freeradius, freeradius-rest)', () => {
  let site: Awaited<ReturnType<typeof postureStubs>>;
  let stub: PostureStub;
  let radius: Freeradius;

  beforeAll(async () => {
    site = await postureStubs(1);
    [stub] = site.stubs as [PostureStub];
    radius = await startFreeradius(site.posture);
  });
  beforeEach(() => {
    stub.asked.splice(0);
    stub.behave(saying('allow', { 'Filter-Id': 'full', 'Session-Timeout': 600 }));
  });
  afterAll(async () => {
    await radius?.stop();
    await site?.remove();
  });

  /** What the server was asked, with each byte from 0x80 decoded. */
  const asked = () => {
    const body = JSON.parse(stub.asked.at(-1)?.text ?? 'null') as Record<string, string>;
    const decode = (text: string) => Buffer.from(text, 'latin1').toString();
    return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, decode(value)]));
  };
  const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

  test.each(METHODS)(
    '%s: no password, no challenge and no response is in what the server is asked',
    async (method) => {
      await radius.login({ user: 'alice', method });
      const text = stub.asked[0]?.text ?? '';
      expect(Object.keys(JSON.parse(text))).toEqual([
        'user_name',
        'calling_station_id',
        'called_station_id',
        'tunnel_client_endpoint',
        'nas_identifier',
        'nas_ip',
        'nas_port',
        'nas_port_id',
        'nas_port_type',
        'packet_src_ip',
        'acct_session_id',
        'auth_type',
        'peer_id',
        'credential',
      ]);
      expect(text).not.toContain(PASSWORD);
      expect(asked()).toMatchObject({
        packet_src_ip: '127.0.0.1',
        auth_type: expect.stringMatching(/PAP|CHAP/i),
        // Whether the name and the password were a device's own, in one word.
        credential: '',
      });
    },
  );

  test('only HTTP’s own header carries the credential', async () => {
    await radius.login({ user: 'alice' });
    const [request] = stub.asked;
    expect(request?.headers.authorization).toBe(`Bearer ${site.posture.credential}`);
    expect(request?.text).not.toContain('gw_stub');
  });

  describe.each(HOSTILE)('%s', (text) => {
    test('as a user name, calling station, gateway’s name arrives as it was typed', async () => {
      const more = [`Called-Station-Id = ${quoted(text)}`, `NAS-Port-Id = ${quoted(text)}`];
      const answer = await radius.login({ user: text, station: text, more });
      expect(answer.code).toBe('Access-Accept');
      expect(asked()).toMatchObject({
        user_name: text,
        calling_station_id: text,
        called_station_id: text,
        nas_port_id: text,
      });
    });

    test('as a reason, a filter, a class comes back as the server wrote it', async () => {
      stub.behave(saying('deny', { 'Reply-Message': text, 'Filter-Id': text }));
      const refused = await radius.login({ user: 'alice' });
      expect(refused).toMatchObject({ code: 'Access-Reject', attributes: { 'Reply-Message': text } });
      expect(refused.attributes).not.toHaveProperty('Filter-Id');
      stub.behave(saying('restrict', { 'Filter-Id': text, 'Session-Timeout': 60 }));
      expect(await radius.login({ user: 'alice' })).toMatchObject({ attributes: { 'Filter-Id': text } });
    });
  });

  test('control characters, line ends and zero bytes of a client reach the server as JSON', async () => {
    const raw = '0x61000a0d1b7f2522';
    await radius.login({ user: 'alice', more: [`Called-Station-Id = ${raw}`] });
    expect(() => asked()).not.toThrow();
    expect(asked()['user_name']).toBe('alice');
  });

  test('253 bytes of the worst in every attribute still make a question, and no way round it', async () => {
    const worst = `0x${'01'.repeat(253)}`;
    const more = CLIENT_TEXT.slice(1).map((name) => `${name} = ${worst}`);
    stub.behave(saying('deny', { 'Reply-Message': 'no' }));
    const answer = await radius.login({ user: 'x'.repeat(253), station: null, more });
    expect(answer.code).toBe('Access-Reject');
    expect(stub.asked).toHaveLength(1);
    expect(asked()['user_name']).toHaveLength(253);
  });

  test('a sentence of 253 bytes comes whole', async () => {
    const sentence = `${'é'.repeat(126)}.`;
    stub.behave(saying('deny', { 'Reply-Message': sentence }));
    const { attributes } = await radius.login({ user: 'alice' });
    expect(attributes['Reply-Message']).toBe(sentence);
  });

  test.each([
    ['an unknown attribute', { 'Fliter-Id': 'ill', 'Session-Timeout': 60 }],
    ['a value that is none', { 'Framed-IP-Address': 'ill', 'Session-Timeout': 60 }],
    ['nothing', {}],
  ])('a restriction by %s alone would be skipped: FreeRADIUS’ own holds', async (_what, reply) => {
    for (const access of ['restrict', 'quarantine']) {
      stub.behave(saying(access, reply));
      expect(await radius.login({ user: 'alice' })).toMatchObject({
        code: 'Access-Accept',
        attributes: FALLBACK,
      });
    }
  });

  test('a session timeout that is none is replaced, never left out', async () => {
    stub.behave(saying('restrict', { 'Filter-Id': 'ill', 'Session-Timeout': 'abc' }));
    const { attributes } = await radius.login({ user: 'alice' });
    expect(attributes).toMatchObject({ 'Filter-Id': 'ill', 'Session-Timeout': '300' });
  });

  test('replies for other gateways pass: VLAN, vendors’ attributes, pool, class', async () => {
    const reply = {
      'Filter-Id': 'full',
      'Framed-Pool': 'good',
      'Tunnel-Type:1': 'VLAN',
      'Tunnel-Medium-Type:1': 'IEEE-802',
      'Tunnel-Private-Group-Id:1': '42',
      'Cisco-AVPair': 'ip:inacl=full',
      'Mikrotik-Address-List': 'good',
      Class: 'p1;n=x',
    };
    stub.behave(saying('allow', reply));
    const { attributes } = await radius.login({ user: 'alice' });
    expect(attributes).toMatchObject({
      'Tunnel-Private-Group-Id:1': '42',
      'Tunnel-Type:1': 'VLAN',
      'Mikrotik-Address-List': 'good',
      'Cisco-AVPair': 'ip:inacl=full',
      'Framed-Pool': 'good',
      Class: `0x${Buffer.from('p1;n=x').toString('hex')}`,
    });
  });

  test.each(['MS-CHAP', 'MS-CHAPv2'] as const)(
    '%s: the server’s MS-CHAP error goes out with the identifier in front',
    async (method) => {
      const error = `E=649 R=0 C=${'A'.repeat(32)} V=3 M=Disk \\n "off" %{x} é`;
      stub.behave(saying('deny', { 'Reply-Message': 'off', 'MS-CHAP-Error': error }));
      const { code, attributes } = await radius.login({ user: 'alice', method });
      expect(code).toBe('Access-Reject');
      const sent = attributes['MS-CHAP-Error'] ?? '';
      expect(sent.slice(1)).toBe(error);
      if (method === 'MS-CHAPv2') expect(sent.charCodeAt(0)).toBe(7);
      // What would let it in, or encrypt for it, is gone.
      expect(Object.keys(attributes).toSorted()).toEqual(['MS-CHAP-Error', 'Reply-Message']);
    },
  );

  test('PAP: it does not go out at all', async () => {
    stub.behave(saying('deny', { 'Reply-Message': 'off', 'MS-CHAP-Error': 'E=649 R=0 M=x' }));
    expect((await radius.login({ user: 'alice' })).attributes).toEqual({ 'Reply-Message': 'off' });
  });

  test('a user name that claims to be two is one', async () => {
    await radius.login({ user: 'alice', more: ['User-Name += "root"'] });
    expect(asked()['user_name']).toBe('alice');
  });
});
