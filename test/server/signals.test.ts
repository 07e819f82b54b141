import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeSignals } from '../../src/server/administer.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { parseSecrets, verifyWebhook } from '../../src/server/signals/webhook.ts';
import { healthyReadings } from './fixtures.ts';
import { startRig, type Rig } from './rig.ts';
import { exchange, type Answer, type TestLink } from './test-agent.ts';

/** A vendor's sender is the library of Standard Webhooks itself. */
const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const OLD_SECRET = `whsec_${randomBytes(24).toString('base64')}`;

let rig: Rig;
let secretFile: string;
let count = 0;

beforeAll(async () => {
  secretFile = join(tmpdir(), `drawbridge-secret-${randomBytes(6).toString('hex')}`);
  await writeFile(secretFile, `${SECRET}\n${OLD_SECRET}\n`, { mode: 0o600 });
  rig = await startRig({ settings: { signals: [{ source: 'edr', secretFile }] } });
});
afterAll(async () => {
  await rig.close();
  await rm(secretFile);
});

type Sending = { id?: string; at?: number; secret?: string; body?: string; source?: string };

const now = () => rig.clock.now();
const unique = () => `msg_${(count += 1)}`;

function send(signal: object, sending: Sending = {}): Promise<Answer> {
  const { id = unique(), at = now(), secret = SECRET, source = 'edr' } = sending;
  const payload = JSON.stringify(signal);
  const signature = new Webhook(secret).sign(id, new Date(at), payload);
  return exchange(rig.target, 'POST', `/v1/signals/${source}`, sending.body ?? payload, {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1_000)),
    'webhook-signature': signature,
  });
}

const alert = (device: object, change: object = {}) => ({
  id: 'alert-1',
  device,
  severity: 'high',
  state: 'open',
  title: 'Credential dumping',
  ...change,
});

/** A healthy device, with its own name. */
async function healthy(sensor: string | null = null): Promise<TestLink> {
  const link = await rig.link({ name: `laptop-${unique()}` });
  const readings = healthyReadings(new Date(now()).toISOString());
  if (readings.agent.state === 'known') readings.agent.fact.sensors.falcon = sensor;
  await link.report({ readings });
  link.frames.splice(0);
  return link;
}

const decision = async ({ identity }: TestLink) => (await rig.document(identity.device)).decision;

describe('a severe signal', () => {
  test('denies at once, by its own reason, and its end lets in again', async () => {
    const link = await healthy();
    const device = { id: link.identity.device };
    expect(await send(alert(device, { id: 'a' }))).toEqual({
      status: 200,
      body: { outcome: 'taken', device: device.id },
    });
    // No report in between: the decision and the order come by themselves.
    expect(await link.next('decision')).toMatchObject({
      decision: { access: 'deny', reason: 'signal-high', risk: { level: 'high' } },
    });
    expect(await link.order()).toMatchObject({ oc2: { action: 'deny', target: { 'x-posture:vpn': {} } } });
    expect((await decision(link))?.sentence).toContain('Credential dumping');
    await send(alert(device, { id: 'a', state: 'closed' }));
    expect(await link.next('decision')).toMatchObject({ decision: { access: 'allow', reason: 'ok' } });
    expect(await link.order()).toMatchObject({ oc2: { action: 'allow' } });
    link.close();
  });

  test('outlives a restart and the device’s own good reports', async () => {
    const link = await healthy();
    await send(alert({ id: link.identity.device }, { id: 'b' }));
    await link.report({ readings: healthyReadings(new Date(now()).toISOString()) });
    expect(await decision(link)).toMatchObject({ access: 'deny', reason: 'signal-high' });
    link.close();
    await rig.restart();
    await expect.poll(() => decision(link), { timeout: 5_000 }).toMatchObject({ reason: 'signal-high' });
  });

  test('is one of several: all have to be closed, by the source or by an administrator', async () => {
    const link = await healthy();
    const device = { id: link.identity.device };
    for (const id of ['c1', 'c2']) await send(alert(device, { id }));
    await send(alert(device, { id: 'c1', state: 'closed' }));
    expect(await decision(link)).toMatchObject({ access: 'deny' });
    expect(await rig.admin.post(`/v1/devices/${device.id}/close-signals`)).toMatchObject({ status: 200 });
    expect(await decision(link)).toMatchObject({ access: 'allow' });
    link.close();
  });

  test('that a command closes beside the running server is noticed', async () => {
    const link = await healthy();
    await send(alert({ id: link.identity.device }, { id: 'g' }));
    const store = await openSqlite(rig.paths.database);
    await store.write((db) => closeSignals(db, link.identity.device, { actor: 'cli', now: now() }));
    await store.close();
    await expect.poll(() => decision(link), { timeout: 5_000 }).toMatchObject({ access: 'allow' });
    link.close();
  });

  test('waits for no steadiness and no breaker', async () => {
    const link = await healthy();
    await send(alert({ id: link.identity.device }, { id: 'h' }));
    expect(await decision(link)).toMatchObject({ access: 'deny', held: null });
    link.close();
  });

  test.each([
    ['medium', 'allow'],
    [3, 'allow'],
    ['critical', 'deny'],
    [4, 'deny'],
  ])('of severity %s: %s', async (severity, access) => {
    const link = await healthy();
    await send(alert({ id: link.identity.device }, { id: `s-${severity}`, severity }));
    expect(await decision(link)).toMatchObject({ access });
    link.close();
  });
});

describe('the device', () => {
  test('is found by the id under which its sensor knows it, and by name', async () => {
    const link = await healthy('A1B2C3');
    const { name } = (await rig.document(link.identity.device)).device;
    for (const device of [{ sensor: 'a1b2c3' }, { name: name.toUpperCase() }]) {
      const { body } = await send(alert(device, { id: 'd' }));
      expect(body).toEqual({ outcome: 'taken', device: link.identity.device });
    }
    link.close();
  });

  test('that is not there, or has another’s name, leaves everybody alone', async () => {
    expect((await send(alert({ name: 'elsewhere' }))).body).toMatchObject({ outcome: 'no_device' });
    const twins = [await rig.link({ name: 'twin' }), await rig.link({ name: 'twin' })];
    expect((await send(alert({ name: 'twin' }))).body).toEqual({ outcome: 'ambiguous_device', device: null });
    for (const link of twins) {
      expect(await decision(link)).not.toMatchObject({ reason: 'signal-high' });
      link.close();
    }
  });
});

describe('a webhook', () => {
  test('is taken once, however often it is sent', async () => {
    const link = await healthy();
    const device = { id: link.identity.device };
    await send(alert(device, { id: 'e' }), { id: 'same' });
    await send(alert(device, { id: 'e', state: 'closed' }));
    expect((await send(alert(device, { id: 'e' }), { id: 'same' })).body).toMatchObject({ outcome: 'again' });
    expect(await decision(link)).toMatchObject({ access: 'allow' });
    link.close();
  });

  test('that comes late does not undo what happened after it', async () => {
    const link = await healthy();
    const enveloped = (state: string, at: number) => ({
      type: 'device.alert',
      timestamp: new Date(at).toISOString(),
      data: alert({ id: link.identity.device }, { id: 'f', state }),
    });
    await send(enveloped('closed', now()));
    const { body } = await send(enveloped('open', now() - 60_000));
    expect(body).toMatchObject({ outcome: 'outdated' });
    expect(await decision(link)).toMatchObject({ access: 'allow' });
    link.close();
  });

  test('may be signed with the secret before the last', async () => {
    expect(await send(alert({ name: 'x' }), { secret: OLD_SECRET })).toMatchObject({ status: 200 });
  });

  test.each<[string, Sending, number, string]>([
    [
      'with another secret',
      { secret: `whsec_${randomBytes(32).toString('base64')}` },
      401,
      'wrong_signature',
    ],
    ['with another body than was signed', { body: '{}' }, 401, 'wrong_signature'],
    ['signed long ago', { at: Date.now() - 301_000 }, 401, 'outside_window'],
    ['signed for tomorrow', { at: Date.now() + 86_400_000 }, 401, 'outside_window'],
    ['of a source that nobody knows', { source: 'other' }, 404, 'not_found'],
    ['with an id that is none', { id: 'a b' }, 401, 'unsigned'],
  ])('%s is refused', async (_what, sending, status, code) => {
    expect(await send(alert({ name: 'x' }), sending)).toMatchObject({ status, body: { err: code } });
  });

  test.each([
    [{ ...alert({ name: 'x' }), severity: 'awful' }],
    [{ ...alert({ name: 'x' }), state: 'ajar' }],
    [{ ...alert({ name: 'x', id: 'y' }) }],
    [{ ...alert({}) }],
    [[]],
  ])('that says %j is refused, signed or not', async (signal) => {
    expect(await send(signal)).toMatchObject({ status: 400, body: { err: 'malformed' } });
  });

  test('without a signature is refused, as is one that is too large', async () => {
    const path = '/v1/signals/edr';
    expect(await exchange(rig.target, 'POST', path, '{}', {})).toMatchObject({ status: 401 });
    expect(await send({ ...alert({ name: 'x' }), title: 'x'.repeat(30_000) })).toMatchObject({ status: 413 });
  });
});

describe('verification', () => {
  const body = Buffer.from('{"test": 2432232314}');
  const secrets = parseSecrets('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');

  // The example of the specification.
  test('accepts the specification’s own example', () => {
    if (!secrets.ok) throw new Error(secrets.error);
    const headers = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestamp: '1614265330',
      signature: 'v1a,xxx v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const at = 1_614_265_330_000;
    expect(verifyWebhook(headers, body, secrets.value, at)).toEqual({
      ok: true,
      value: { id: headers.id, timestamp: at },
    });
    expect(verifyWebhook(headers, Buffer.from('{}'), secrets.value, at)).toMatchObject({ ok: false });
  });

  test.each(['', 'whsec_', 'whsec_c2hvcnQ=', SECRET.slice(6), `${SECRET}\nx`])('%j is no secret', (text) => {
    expect(parseSecrets(text)).toMatchObject({ ok: false });
  });
});
