import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAddressReader, isNetwork } from '../../src/server/addresses.ts';
import { revokeCredential } from '../../src/server/administer.ts';
import { radiusReply } from '../../src/server/radius-reply.ts';
import { hintIn, parseDialling } from '../../src/server/radius-request.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { healthyReadings, PLAIN_DISK } from './fixtures.ts';
import { gatewayCredential } from './gateway.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { exchange, type TestLink } from './test-agent.ts';

const PATH = '/v1/radius/post-auth';

/** A string as FreeRADIUS writes its bytes into JSON. */
const escaped = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) =>
      byte < 0x80
        ? JSON.stringify(String.fromCharCode(byte)).slice(1, -1)
        : `\\u00${byte.toString(16).toUpperCase()}`,
    )
    .join('');

const custom = (user: string, station = '127.0.0.1') =>
  `{"user_name":"${escaped(user)}","calling_station_id":"${station}","called_station_id":"","nas_identifier":"lns1","nas_ip":"192.0.2.10","nas_port":"","nas_port_id":"","packet_src_ip":"127.0.0.1","acct_session_id":"b5f1","tunnel_client_endpoint":"","auth_type":"MS-CHAP"}`;

const stock = (user: string, station = '127.0.0.1') =>
  `{"User-Name":{"type":"string","value":["${escaped(user)}"]},"User-Password":{"type":"string","value":["pw"]},"NAS-IP-Address":{"type":"ipaddr","value":["192.0.2.10"]},"NAS-Port":{"type":"integer","value":[7]},"Calling-Station-Id":{"type":"string","value":["${station}"]},"Class":{"type":"octets","value":["\\u0000\\u00FFA"]}}`;

describe('what FreeRADIUS sends', () => {
  const parse = (body: string) => parseDialling(JSON.parse(Buffer.from(body).toString('latin1')));

  test.each([
    ['our own template', custom('émile#büro-3', '203.0.113.9')],
    ['the stock body', stock('émile#büro-3', '203.0.113.9')],
  ])('%s is read, with each byte from 0x80 as one character', (_name, body) => {
    expect(parse(body)).toMatchObject({ userName: 'émile#büro-3', address: '203.0.113.9' });
  });

  test('raw bytes, as some builds send them, are read alike', () => {
    expect(parse(custom('x').replace('"x"', '"émile"'))).toMatchObject({ userName: 'émile' });
  });

  test('a calling station that is no address counts for nothing; the tunnel’s endpoint counts first', () => {
    expect(parse(custom('a', '+49 30 1234'))).toMatchObject({ address: null });
    expect(
      parse(
        custom('a', '203.0.113.9').replace(
          '"tunnel_client_endpoint":""',
          '"tunnel_client_endpoint":"198.51.100.7"',
        ),
      ),
    ).toMatchObject({
      address: '198.51.100.7',
    });
    expect(parse(custom('a', '::ffff:203.0.113.9'))).toMatchObject({ address: '203.0.113.9' });
    expect(parse(custom('a', '2001:db8:0::1'))).toMatchObject({ address: '2001:db8::1' });
  });

  test.each(['null', '[]', '7', '{}', '{"user_name":7}', '{"User-Name":{"value":"x"}}'])(
    '%s is no request',
    (body) => {
      expect(parse(body)).toBeNull();
    },
  );

  test.each([
    ['alice#laptop-3', 'laptop-3'],
    ['alice', null],
    ['alice#', null],
    ['alice#%{exec:id}', null],
    ['a#b#c', 'c'],
  ])('the hint in %s is %s', (user, hint) => {
    expect(hintIn(user)).toBe(hint);
  });
});

describe('what FreeRADIUS gets', () => {
  const reply = (message: string) =>
    radiusReply({
      access: 'restrict',
      message,
      template: { 'Reply-Message': '{sentence}', 'Filter-Id': 'f', 'Session-Timeout': 300 },
      correlation: 'p1;n=x',
    });

  test('is in its own form, with expansion switched off on every string', () => {
    expect(reply('no %{exec:/bin/true} here')).toEqual({
      'control:Tmp-String-0': { op: ':=', do_xlat: false, value: ['restrict'] },
      'reply:Reply-Message': { op: ':=', do_xlat: false, value: ['no %{exec:/bin/true} here'] },
      'reply:Filter-Id': { op: ':=', do_xlat: false, value: ['f'] },
      'reply:Session-Timeout': { op: ':=', value: [300] },
      'reply:Class': { op: ':=', do_xlat: false, value: ['p1;n=x'] },
    });
  });

  test('has no control characters and no line breaks', () => {
    expect(reply('a\r\nb\u0000c\u001b[31md\u009be')['reply:Reply-Message']?.value).toEqual(['a b c [31md e']);
  });

  test('has backslashes doubled, which FreeRADIUS would read as escapes', () => {
    expect(reply('a\\nb\\')['reply:Reply-Message']?.value).toEqual(['a\\\\nb\\\\']);
  });

  test.each(['x'.repeat(300), 'é'.repeat(200), '😀'.repeat(100)])('fits into 253 bytes: %s', (message) => {
    const [text] = reply(message)['reply:Reply-Message']?.value ?? [''];
    expect(Buffer.byteLength(String(text))).toBeLessThanOrEqual(253);
    expect(Buffer.byteLength(String(text))).toBeGreaterThan(245);
    expect(String(text)).not.toContain('\ufffd');
  });
});

describe('the gate', () => {
  let rig: Rig;
  let credential: string;
  beforeAll(async () => {
    rig = await startRig({
      settings: { trustedProxies: ['127.0.0.0/8'], radius: { deniedNeighbourHours: 0 } },
    });
    credential = await gatewayCredential(rig.paths.database);
  });
  afterAll(() => rig.close());

  const at = () => new Date(rig.clock.now()).toISOString();
  const ask = (body: string, bearer = credential) =>
    exchange(rig.target, 'POST', PATH, Buffer.from(body), {
      'content-type': 'application/json',
      'user-agent': 'FreeRADIUS 3.2.10',
      ...(bearer === '' ? {} : { authorization: `Bearer ${bearer}` }),
    });
  const control = async (body: string) =>
    ((await ask(body)).body['control:Tmp-String-0'] as { value: string[] }).value[0];
  const message = async (body: string) =>
    ((await ask(body)).body['reply:Reply-Message'] as { value: string[] }).value[0];

  test('answers gateways only', async () => {
    expect(await ask(custom('a'), '')).toMatchObject({ status: 401, body: { err: 'unauthorized' } });
    expect(await ask(custom('a'), `${credential.split('.')[0]}.${'A'.repeat(22)}`)).toMatchObject({
      status: 401,
    });
    expect(await ask(custom('a'), (await readFile(rig.paths.adminToken, 'utf8')).trim())).toMatchObject({
      status: 401,
    });
    expect(await ask('{', credential)).toMatchObject({ status: 400, body: { err: 'malformed' } });
    expect(await ask(`{"user_name":"${'x'.repeat(70_000)}"}`)).toMatchObject({ status: 413 });
  });

  test('restricts whoever has no device online at that address', async () => {
    const answer = await ask(custom('alice'));
    expect(answer).toMatchObject({ status: 200, body: { 'control:Tmp-String-0': { value: ['restrict'] } } });
    expect(answer.body['reply:Class']).toMatchObject({ value: [expect.stringMatching(/^p1;n=[\w-]{22}$/)] });
    expect(await message(custom('alice', '198.51.100.1'))).toContain('No computer');
    expect(await message(custom('alice', 'not an address'))).toContain('No computer');
  });

  test('lets a healthy device in, restricts and denies by its decision', async () => {
    const link = await rig.link();
    expect(await message(custom('alice'))).toMatch(/not heard|not reported/);
    await link.report({ readings: healthyReadings(at()) });
    const { device } = link.identity;
    for (const body of [custom('alice'), stock('alice')]) {
      expect((await ask(body)).body).toMatchObject({
        'control:Tmp-String-0': { value: ['allow'] },
        'reply:Filter-Id': { value: ['posture-full'], do_xlat: false },
        'reply:Session-Timeout': { value: [28_800] },
        'reply:Class': { value: [expect.stringMatching(`^p1;n=[\\w-]{22};d=${device};v=[0-9a-f-]{36}$`)] },
      });
    }
    await link.report({ readings: healthyReadings(at(), { 'disk-encryption': PLAIN_DISK }) });
    expect(await control(custom('alice'))).toBe('restrict');
    expect(await message(custom('alice'))).toContain('not encrypted');
    link.close();
  });

  test('a device’s own words come out as they went in, never expanded', async () => {
    const link = await rig.link();
    const detection = {
      source: 'x',
      id: null,
      name: '%{exec:/bin/id}\r\nReply-Message += x',
      severity: 5,
      status: 'open' as const,
      executed: null,
      detectedAt: null,
    };
    await link.report({
      readings: healthyReadings(at(), { detections: { sources: [], open: [detection], recentClosed: 0 } }),
    });
    const { body } = await ask(custom('alice'));
    expect(body['control:Tmp-String-0']).toMatchObject({ value: ['deny'], do_xlat: false });
    expect(body['reply:Reply-Message']).toMatchObject({
      do_xlat: false,
      value: [expect.stringContaining('%{exec:/bin/id} Reply-Message')],
    });
    expect(body['reply:Filter-Id']).toBeUndefined();
    link.close();
  });

  test('neighbours behind one address are restricted, whichever name they dial with', async () => {
    const links: TestLink[] = [
      await rig.link({ name: 'anna-laptop' }),
      await rig.link({ name: 'bernd-laptop' }),
    ];
    for (const link of links) await link.report({ readings: healthyReadings(at()) });
    for (const user of ['anna', 'anna#anna-laptop', `anna#${links[0]!.identity.device}`, 'anna#elsewhere']) {
      expect(await control(custom(user))).toBe('restrict');
      expect(await message(custom(user))).toContain('Several computers');
    }
    for (const link of links) link.close();
  });

  test('a device that has fallen silent is not let in on its old word', async () => {
    const link = await rig.link();
    await link.report({ readings: healthyReadings(at()) });
    expect(await control(custom('alice'))).toBe('allow');
    rig.clock.advance(91_000);
    await expect.poll(() => control(custom('alice')), { timeout: 5_000 }).toBe('restrict');
    link.close();
  });

  test('a device that has fallen silent is asked, and let in when it answers at once', async () => {
    const link = await rig.link();
    await link.report({ readings: healthyReadings(at()) });
    rig.clock.advance(91_000);
    await expectEventually(
      () => rig.document(link.identity.device),
      ({ decision }) => decision?.reason === 'agent-silent',
    );
    const answer = control(custom('alice'));
    expect(await link.next('challenge')).toMatchObject({ want: 'heartbeat', deadline_s: 1.5 });
    expect(await link.heartbeat()).toMatchObject({ t: 'ack' });
    expect(await answer).toBe('allow');
    link.close();
  });

  test('a revoked credential is worth nothing', async () => {
    const store = await openSqlite(rig.paths.database);
    await store.write((db) => revokeCredential(db, 'radius-1', { actor: 'test', now: Date.now() }));
    await store.close();
    expect((await ask(custom('alice'))).status).toBe(401);
  });
});

test.each([
  ['198.51.100.1', '203.0.113.9', '198.51.100.1'],
  ['127.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['::ffff:127.0.0.1', '6.6.6.6, 203.0.113.9, 10.1.2.3', '203.0.113.9'],
  ['127.0.0.1', 'nonsense', '127.0.0.1'],
  ['127.0.0.1', undefined, '127.0.0.1'],
])('from %s with X-Forwarded-For %s, a device is at %s', (peer, forwarded, address) => {
  const read = createAddressReader(['10.0.0.0/8', '127.0.0.1']);
  const request = { socket: { remoteAddress: peer }, headers: { 'x-forwarded-for': forwarded } };
  expect(read(request as never)).toBe(address);
});

test.each([
  ['10.0.0.0/8', true],
  ['::1', true],
  ['fd00::/8', true],
  ['10.0.0.0/33', false],
  ['10.0.0.0/x', false],
  ['proxy.example', false],
])('%s as a trusted proxy: %s', (text, good) => {
  expect(isNetwork(text)).toBe(good);
});
