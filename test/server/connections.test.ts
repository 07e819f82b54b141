import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySigner } from '../wire/fixtures.ts';
import { healthyReadings } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connect, connected, webSocketChannel, type ConnectOptions, type Identity } from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ settings: { limits: { pendingPerAddress: 2, enrolmentsPerMinute: 1_000 } } });
});
afterAll(() => rig.close());

const at = () => new Date(rig.clock.now()).toISOString();

async function refusal(identity: Identity, options: ConnectOptions): Promise<string> {
  const link = await connect(rig.target, identity, options);
  const { err } = await link.next('bye');
  link.close();
  return err;
}

describe('a session', () => {
  test('is welcomed with the policy’s rhythm, and given the policy', async () => {
    const link = await connect(rig.target, await rig.device());
    expect(await link.next('welcome')).toMatchObject({
      version: 1,
      seq_min: 0,
      heartbeat_s: 30,
      full_s: 900,
      takes: ['snooze'],
    });
    expect(await link.next('policy')).toMatchObject({ jws: expect.any(String) });
    link.close();
  });

  const seconds = () => Math.floor(rig.clock.now() / 1_000);
  const cases: [string, () => Promise<ConnectOptions>, string][] = [
    ['another device', async () => ({ change: { iss: 'urn:drawbridge:device:other' } }), 'wrong_issuer'],
    ['another server', async () => ({ change: { aud: 'urn:drawbridge:server:other' } }), 'wrong_audience'],
    ['a clock ten minutes off', async () => ({ change: { iat: seconds() - 600 } }), 'clock_skew'],
    [
      'another connection’s nonce',
      async () => ({ change: { eat_nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg' } }),
      'nonce_unknown',
    ],
    ['a key that nobody enrolled', async () => ({ reportKey: await memorySigner() }), 'unknown_key'],
    ['a newer protocol only', async () => ({ change: { version: 2 } }), 'protocol_unsupported'],
    ['an older protocol only', async () => ({ change: { version: 0 } }), 'protocol_unsupported'],
    ['a session key that is none', async () => ({ change: { cnf: { jwk: { kty: 'oct' } } } }), 'malformed'],
  ];

  test.each(cases)('with %s is refused', async (_name, options, code) => {
    expect(await refusal(await rig.device(), await options())).toBe(code);
  });

  test('of another key under a device’s name is refused by its signature', async () => {
    const { report, ...identity } = await rig.device();
    const forged = { ...(await memorySigner()), kid: report.kid };
    expect(await refusal({ ...identity, report: forged }, {})).toBe('bad_signature');
  });

  test('has to come first', async () => {
    const link = await rig.link();
    const channel = await webSocketChannel(rig.target);
    const frames: string[] = [];
    channel.onFrame((frame) => frames.push(frame.t === 'bye' ? frame.err : frame.t));
    channel.send(JSON.stringify({ t: 'report', jws: await link.seal() }));
    await expectEventually(
      () => frames,
      (all) => all.includes('no_session'),
    );
    link.close();
  });

  test('has to come within ten seconds', async () => {
    const channel = await webSocketChannel(rig.target);
    const frames: string[] = [];
    channel.onFrame((frame) => frames.push(frame.t === 'bye' ? frame.err : frame.t));
    await expectEventually(
      () => frames,
      (all) => all.includes('hello'),
    );
    rig.clock.advance(9_000);
    expect(frames).toEqual(['hello']);
    rig.clock.advance(1_500);
    await expectEventually(
      () => frames,
      (all) => all.includes('timeout'),
    );
  });
});

describe('the door', () => {
  const status = (path: string, protocol: string[] = ['posture.v1']) =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(rig.target.url.replace('https', 'wss') + path, protocol, {
        ca: rig.target.ca,
      });
      socket.on('error', () => {});
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.once('open', () => {
        socket.terminate();
        resolve(101);
      });
    });

  test('survives a request line that is no URL', async () => {
    const { hostname, port } = new URL(rig.target.url);
    const socket = connectTls({ host: hostname, port: Number(port), ca: rig.target.ca });
    const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nHost: x\r\n\r\n';
    socket.write(`GET // HTTP/1.1\r\n${upgrade}`);
    expect(await answer).toContain('404');
    expect(await status('/v1/link')).toBe(101);
  });

  test('opens for the link’s path and protocol only', async () => {
    expect(await status('/v1/other')).toBe(404);
    expect(await status('/v1/link', ['posture.v9'])).toBe(400);
    expect(await status('/v1/link', [])).toBe(400);
  });

  test('lets two connections of an address wait, not three', async () => {
    const waiting = [await webSocketChannel(rig.target), await webSocketChannel(rig.target)];
    expect(await status('/v1/link')).toBe(503);
    for (const channel of waiting) channel.close();
    await expectEventually(
      () => status('/v1/link'),
      (code) => code === 101,
    );
  });
});

describe('takeover', () => {
  test('a new connection closes the half-open one before it, and goes on', async () => {
    const old = await rig.link();
    await old.report({ readings: healthyReadings(at()) });
    const link = await connected(rig.target, old.identity, { boot: old.boot });
    expect(await old.next('bye')).toMatchObject({ err: 'superseded' });
    expect(await link.report({ kind: 'delta', readings: {}, base: old.base! })).toMatchObject({ t: 'ack' });
    expect(await rig.document(link.identity.device)).toMatchObject({ connected: true, alarms: [] });
    link.close();
  });

  test('frames of the connection that was taken over are not dealt with', async () => {
    const old = await rig.link();
    const jws = await old.seal({ readings: healthyReadings(at()) });
    const link = await connected(rig.target, old.identity, { boot: old.boot });
    await old.next('bye');
    old.send({ t: 'report', jws });
    await expect(old.next('ack', 300)).rejects.toThrow('no ack');
    expect((await rig.document(link.identity.device)).lastSeen).toBeNull();
    link.close();
  });

  test('a restarted agent takes over without an alarm', async () => {
    const first = await rig.link();
    const second = await connected(rig.target, first.identity);
    const third = await connected(rig.target, first.identity, { boot: second.boot });
    expect(await rig.document(first.identity.device)).toMatchObject({ alarms: [] });
    third.close();
  });
});

describe('a copied state folder', () => {
  test('is noticed when both computers connect in turn; access is that of high risk until it is cleared', async () => {
    const original = await rig.link();
    await original.report({ readings: healthyReadings(at()) });
    const copy = await connected(rig.target, { ...original.identity });
    const back = await connect(rig.target, original.identity, { boot: original.boot });
    expect(await back.next('bye')).toMatchObject({ err: 'cloned_key' });

    const { device } = original.identity;
    const flagged = await expectEventually(
      () => rig.document(device),
      ({ decision }) => decision?.access === 'deny',
    );
    expect(flagged).toMatchObject({
      alarms: ['cloned_key'],
      risk: { score: 100, level: 'high' },
      decision: { reason: 'agent-cloned' },
    });
    expect(await copy.next('decision')).toMatchObject({ decision: { reason: 'agent-cloned' } });
    expect(await copy.report({ readings: healthyReadings(at()) })).toMatchObject({
      decision: { access: 'deny' },
    });

    await rig.admin.post(`/v1/devices/${device}/clear-alarm`);
    expect(await rig.document(device)).toMatchObject({ alarms: [], decision: { access: 'allow' } });
    const after = await connected(rig.target, original.identity);
    expect(await after.report({ readings: healthyReadings(at()) })).toMatchObject({ t: 'ack' });
    after.close();
  });

  test('is noticed across a restart of the server', async () => {
    const original = await rig.link();
    await connected(rig.target, { ...original.identity });
    await rig.restart();
    expect(await refusal(original.identity, { boot: original.boot })).toBe('cloned_key');
  });
});

describe('revoking', () => {
  test('closes the connection and keeps the device out', async () => {
    const link = await rig.link();
    const { device } = link.identity;
    expect((await rig.admin.post(`/v1/devices/${device}/revoke`)).status).toBe(200);
    expect(await link.next('bye')).toMatchObject({ err: 'revoked' });
    expect(await refusal(link.identity, {})).toBe('revoked');
  });
});
