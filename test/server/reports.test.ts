import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seal, TYP } from '../../src/wire/envelope.ts';
import { MAX_FRAME } from '../../src/wire/frames.ts';
import { memorySigner } from '../wire/fixtures.ts';
import { healthyReadings, PLAIN_DISK } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connected, payloadOf, type SendOptions, type TestLink } from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const at = () => new Date(rig.clock.now()).toISOString();
const full = (options: SendOptions = {}): SendOptions => ({ readings: healthyReadings(at()), ...options });

describe('a full report', () => {
  test('is acknowledged with its id, sequence number, digest and a decision, and shown', async () => {
    const link = await rig.link({ name: 'anna' });
    const id = randomUUIDv7();
    const ack = await link.report(full({ id }));
    expect(ack).toMatchObject({ t: 'ack', id, seq: 1, decision: { access: 'allow', reason: 'ok' } });
    const document = await rig.document(link.identity.device);
    expect(Object.keys(document).slice(0, 5)).toEqual(['device', 'readings', 'verdicts', 'risk', 'decision']);
    expect(document).toMatchObject({
      device: { name: 'anna', platform: 'linux', status: 'live' },
      risk: { score: 0, level: 'low' },
      requiredUnknown: [],
      connected: true,
    });
  });

  test('with a plain disk is denied, and allowed again once it is encrypted', async () => {
    const link = await rig.link();
    await link.report(full());
    const readings = healthyReadings(at(), { 'disk-encryption': PLAIN_DISK });
    const worse = await link.report({
      kind: 'delta',
      readings: { 'disk-encryption': readings['disk-encryption'] },
      base: link.base!,
    });
    expect(worse).toMatchObject({
      t: 'ack',
      decision: { access: 'restrict', reason: 'disk-plain', risk: { level: 'medium' } },
    });
    expect(await link.report(full())).toMatchObject({ t: 'ack', decision: { access: 'allow' } });
  });
});

describe('what is refused, in this order', () => {
  let link: TestLink;
  beforeAll(async () => {
    link = await rig.link();
    await link.report(full());
  });

  const seconds = (ms: number) => Math.floor((rig.clock.now() + ms) / 1_000);
  const cases: [string, () => SendOptions, string][] = [
    ['another type of token', () => full({ typ: TYP.receipt }), 'wrong_type'],
    ['another device', () => full({ change: { iss: 'urn:drawbridge:device:other' } }), 'wrong_issuer'],
    ['another ueid', () => full({ change: { ueid: `AQ${'A'.repeat(21)}` } }), 'wrong_issuer'],
    ['another server', () => full({ change: { aud: 'urn:drawbridge:server:other' } }), 'wrong_audience'],
    [
      'another profile',
      () => full({ change: { eat_profile: 'tag:other.example,2026:p#1' } }),
      'unsupported_profile',
    ],
    ['a stale time', () => full({ change: { iat: seconds(-200_000) } }), 'clock_skew'],
    ['a future time', () => full({ change: { iat: seconds(200_000) } }), 'clock_skew'],
    ['another start’s boot', () => full({ change: { boot: 'q0Lr3bXk0f7mB2cV9sT1Zg' } }), 'malformed'],
    ['a nonce never given', () => full({ change: { eat_nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg' } }), 'nonce_unknown'],
    ['no nonce', () => full({ change: { eat_nonce: undefined } }), 'nonce_unknown'],
    ['a used sequence number', () => full({ change: { seq: 1 } }), 'seq_replayed'],
    ['an id that is no UUIDv7', () => full({ id: 'report-1' }), 'schema_invalid'],
    ['no readings', () => ({ kind: 'full' }), 'schema_invalid'],
    [
      'a fact of another shape',
      () =>
        full({ raw: { firewall: { v: 1, state: 'known', fact: { state: 'very' }, at: at(), tookMs: 1 } } }),
      'schema_invalid',
    ],
    [
      'a delta on another base',
      () => full({ kind: 'delta', base: { seq: 1, dig: 'sha-256:x' } }),
      'base_mismatch',
    ],
    ['a heartbeat without a base', () => ({ kind: 'heartbeat' }), 'base_mismatch'],
  ];

  test.each(cases)('%s', async (_name, options, code) => {
    const before = await rig.document(link.identity.device);
    const answer = await link.report(options());
    expect(answer).toMatchObject({ t: 'nack', err: code, hint: expect.stringMatching(/\.$/) });
    const { lastSeen, readings } = await rig.document(link.identity.device);
    expect({ lastSeen, readings }).toEqual({ lastSeen: before.lastSeen, readings: before.readings });
    // The nonce of the refusal serves the next try.
    expect(await link.report(full())).toMatchObject({ t: 'ack' });
  });

  test('a key that is not the session’s', async () => {
    expect(await link.report(full({ signer: await memorySigner() }))).toMatchObject({
      t: 'nack',
      err: 'unknown_key',
    });
    expect(await link.report(full({ signer: link.identity.report }))).toMatchObject({ err: 'unknown_key' });
  });

  test('a signature that does not match, and one that is cut', async () => {
    const jws = await link.seal(full());
    const [header, , signature] = jws.split('.');
    const payload = Buffer.from(JSON.stringify({ ...payloadOf(jws), kind: 'offline' })).toString('base64url');
    for (const [text, code] of [
      [`${header}.${payload}.${signature}`, 'bad_signature'],
      [jws.slice(0, -40), 'bad_signature'],
      [jws.slice(0, jws.lastIndexOf('.')), 'malformed'],
      [jws.slice(0, 40), 'malformed'],
    ] as const) {
      link.send({ t: 'report', jws: text });
      expect(await link.answer(), text.slice(-20)).toMatchObject({ t: 'nack', err: code });
    }
  });

  test('frames that are no frames', async () => {
    for (const text of ['', '{', '[]', '{"t":"moon"}', '{"t":"report"}', '\u0000']) {
      link.sendText(text);
      expect(await link.answer(), text).toMatchObject({ t: 'nack', err: 'malformed' });
    }
    expect(await link.report(full())).toMatchObject({ t: 'ack' });
  });

  test('an oversized frame ends the connection before it is read', async () => {
    const other = await rig.link();
    other.sendText('x'.repeat(MAX_FRAME + 1));
    await expectEventually(
      () => rig.document(other.identity.device),
      (document) => document.connected === false,
    );
  });

  test('the same frame twice', async () => {
    const jws = await link.seal(full());
    link.send({ t: 'report', jws });
    expect(await link.answer()).toMatchObject({ t: 'ack' });
    link.send({ t: 'report', jws });
    expect(await link.answer()).toMatchObject({ t: 'nack', err: 'nonce_unknown' });
  });

  test('frames that overtook each other', async () => {
    const first = await link.seal(full());
    const nonce = link.nonce;
    const second = await link.seal(full());
    link.send({ t: 'report', jws: second });
    const ack = await link.answer();
    expect(ack.t).toBe('ack');
    // Even with a nonce of its own, the older number comes too late.
    const claims = { ...payloadOf(first), eat_nonce: link.nonce };
    expect(nonce).not.toBe(link.nonce);
    link.send({ t: 'report', jws: await seal(TYP.report, claims, link.session) });
    expect(await link.answer()).toMatchObject({
      t: 'nack',
      err: 'seq_replayed',
      seq_min: ack.t === 'ack' ? ack.seq : 0,
    });
  });

  test('a nonce older than 120 s', async () => {
    rig.clock.advance(121_000);
    expect(await link.report(full())).toMatchObject({ t: 'nack', err: 'nonce_expired' });
    expect(await link.report(full())).toMatchObject({ t: 'ack' });
  });
});

describe('lost acks', () => {
  test('the same report again, on another connection, is acknowledged again and stored once', async () => {
    const link = await rig.link();
    const id = randomUUIDv7();
    const readings = healthyReadings(at());
    const change = { collected_at: at() };
    await link.report({ id, readings, change });
    link.close();
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    const ack = await again.report({ id, readings, change });
    expect(ack).toMatchObject({ t: 'ack', id, decision: { access: 'allow' } });
    // What was acknowledged last is what the next delta builds on.
    expect(await again.report({ kind: 'delta', readings: {}, base: again.base! })).toMatchObject({
      t: 'ack',
    });
  });

  test('the same report late, as history', async () => {
    const link = await rig.link();
    const id = randomUUIDv7();
    const readings = healthyReadings(at());
    const change = { collected_at: at() };
    await link.report({ id, readings, change });
    expect(await link.report({ id, readings, change, kind: 'offline' })).toMatchObject({ t: 'ack', id });
  });

  test('the same id with other content is an alarm', async () => {
    const link = await rig.link();
    const id = randomUUIDv7();
    await link.report(full({ id }));
    const other = healthyReadings(at(), { 'disk-encryption': PLAIN_DISK });
    expect(await link.report({ id, readings: other })).toMatchObject({
      t: 'nack',
      id,
      err: 'report_conflict',
    });
    const document = await rig.document(link.identity.device);
    expect(document.alarms).toEqual(['report_conflict']);
    expect(document.readings['disk-encryption']).toMatchObject({ fact: { system: 'encrypted' } });
  });
});

describe('history and liveness', () => {
  test('an offline report changes nothing about what is known now', async () => {
    const link = await rig.link();
    const plain = healthyReadings(at(), { 'disk-encryption': PLAIN_DISK });
    expect(await link.report({ kind: 'offline', readings: plain })).toMatchObject({ t: 'ack' });
    const document = await rig.document(link.identity.device);
    expect(document).toMatchObject({ lastSeen: null, readings: {} });
  });

  test('a full report of old readings is history too', async () => {
    const link = await rig.link();
    const old = new Date(rig.clock.now() - 600_000).toISOString();
    expect(await link.report(full({ change: { collected_at: old } }))).toMatchObject({ t: 'ack' });
    expect((await rig.document(link.identity.device)).readings).toEqual({});
  });

  test('a heartbeat proves life and leaves the facts as old as they are', async () => {
    const link = await rig.link();
    await link.report(full());
    const before = await rig.document(link.identity.device);
    rig.clock.advance(20_000);
    expect(await link.heartbeat()).toMatchObject({ t: 'ack' });
    const after = await rig.document(link.identity.device);
    expect(Date.parse(after.lastSeen ?? '')).toBeGreaterThan(Date.parse(before.lastSeen ?? ''));
    expect(after.readings).toEqual(before.readings);
  });

  test('a check that this server does not know is kept as it came', async () => {
    const link = await rig.link();
    const raw = {
      'moon-phase': { v: 3, state: 'known' as const, fact: { phase: 'full' }, at: at(), tookMs: 2 },
    };
    await link.report(full({ raw }));
    await rig.restart();
    expect((await rig.document(link.identity.device)).raw).toEqual(raw);
  });

  test('a server that was down holds nobody to have been silent', async () => {
    const link = await rig.link();
    await link.report(full());
    await rig.server.close();
    rig.clock.advance(3_600_000);
    await rig.restart();
    const { device } = link.identity;
    expect(await rig.document(device)).toMatchObject({ decision: { access: 'allow' } });
    rig.clock.advance(91_000);
    await expectEventually(
      () => rig.document(device),
      ({ decision }) => decision?.reason === 'agent-silent',
    );
  });

  test('everything is there again after a restart', async () => {
    const link = await rig.link();
    await link.report(full());
    const before = await rig.document(link.identity.device);
    await rig.restart();
    expect(await rig.document(link.identity.device)).toMatchObject({
      readings: before.readings,
      decision: { access: 'allow', since: before.decision?.since },
      lastSeen: before.lastSeen,
      connected: false,
    });
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    expect(await again.report({ kind: 'delta', readings: {}, base: link.base! })).toMatchObject({ t: 'ack' });
  });
});
