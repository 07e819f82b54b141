import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seal, TYP } from '../../src/wire/envelope.ts';
import { formatToken, parseToken } from '../../src/wire/token.ts';
import { memorySigner } from '../wire/fixtures.ts';
import { startRig, type Rig } from './rig.ts';
import { connect, connected, payloadOf, post, type EnrolOptions } from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const code = (token: string, options?: EnrolOptions) => rig.enrolCode(token, options);
const identity = (token: string, options?: EnrolOptions) => rig.enrol(token, options);

describe('the challenge', () => {
  test('is signed by the order root, whose thumbprint stands in the token, and names our authority', async () => {
    const token = parseToken(await rig.token());
    const nonce = 'q0Lr3bXk0f7mB2cV9sT1Zg';
    const { body } = await post(rig.target, '/v1/enroll/challenge', { nonce });
    const header = JSON.parse(Buffer.from(String(body.jws).split('.')[0]!, 'base64url').toString());
    expect(token).toMatchObject({ ok: true, value: { orderRoot: header.kid } });
    expect(payloadOf(String(body.jws))).toMatchObject({
      nonce,
      tls_ca: rig.target.ca,
      versions: { current: 1 },
    });
  });
});

describe('a token', () => {
  test('for one device serves one device', async () => {
    const token = await rig.token();
    expect(await code(token)).toBe('enrolled');
    expect(await code(token)).toBe('token_used');
  });

  test('given again by the same key, after a lost answer, gives the same device', async () => {
    const token = await rig.token();
    const report = await memorySigner();
    const [first, again] = [await identity(token, { report }), await identity(token, { report })];
    expect(again.device).toBe(first.device);
  });

  test('serves two at once only once', async () => {
    const token = await rig.token();
    const answers = await Promise.all([code(token), code(token), code(token)]);
    expect(answers.toSorted()).toEqual(['enrolled', 'token_used', 'token_used']);
  });

  test('of a fleet serves as many as it says, and their approval can be asked for', async () => {
    const token = await rig.token({ uses: 2, approval: true });
    expect([await code(token), await code(token), await code(token)]).toEqual([
      'pending',
      'pending',
      'token_used',
    ]);
  });

  test('past its time is refused, also to its own device', async () => {
    const token = await rig.token({ validHours: 1 });
    const report = await memorySigner();
    await identity(token, { report });
    rig.clock.advance(3_600_001);
    expect(await code(token)).toBe('token_expired');
    expect(await code(token, { report })).toBe('token_expired');
  });

  test('with another secret, of another server, or unknown is refused alike', async () => {
    const parsed = parseToken(await rig.token());
    if (!parsed.ok) throw new Error(parsed.error);
    expect(await code(formatToken({ ...parsed.value, secret: 'A'.repeat(22) }))).toBe('token_unknown');
    expect(await code(formatToken({ ...parsed.value, id: 'tk_unknown000' }))).toBe('token_unknown');
    expect(await code(formatToken({ ...parsed.value, orderRoot: 'b'.repeat(43) }))).toBe('wrong_audience');
  });
});

describe('a request', () => {
  test('with a challenge never given, or given twice, is refused', async () => {
    const token = await rig.token();
    expect(await code(token, { change: { nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg' } })).toBe('challenge_unknown');
    const { body } = await post(rig.target, '/v1/enroll/challenge', { nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg' });
    const nonce = String(payloadOf(String(body.jws)).challenge);
    expect(await code(token, { change: { nonce } })).toBe('enrolled');
    expect(await code(token, { change: { nonce } })).toBe('challenge_unknown');
  });

  test('of another time is refused', async () => {
    expect(await code(await rig.token(), { now: () => rig.clock.now() - 600_000 })).toBe('clock_skew');
  });

  test('signed by another key than it shows, or of another type, is refused', async () => {
    const [shown, other] = [await memorySigner(), await memorySigner()];
    expect(await code(await rig.token(), { report: { ...other, jwk: shown.jwk, kid: shown.kid } })).toBe(
      'bad_signature',
    );
    expect(await code(await rig.token(), { report: { ...other, jwk: shown.jwk } })).toBe('malformed');
    const jws = await seal(TYP.session, {}, shown, true);
    expect(await post(rig.target, '/v1/enroll', { jws })).toMatchObject({
      status: 400,
      body: { err: 'wrong_type' },
    });
  });

  test('that is no request gets a sentence, not a stack', async () => {
    const answer = await post(rig.target, '/v1/enroll', { token: 'x' });
    expect(answer).toMatchObject({ status: 400, body: { err: 'malformed' } });
    expect(JSON.stringify(answer.body)).not.toContain('node_modules');
  });
});

describe('the same hardware again', () => {
  test('waits for approval, which takes the old device out', async () => {
    const machineId = 'hash-of-a-machine';
    const old = await connected(rig.target, await identity(await rig.token(), { machineId }));
    const replacement = await identity(await rig.token(), { machineId });
    expect(replacement.status).toBe('pending');
    const early = await connect(rig.target, replacement);
    expect(await early.next('bye')).toMatchObject({ err: 'approval_pending' });

    expect(await rig.admin.post(`/v1/devices/${replacement.device}/approve`)).toMatchObject({ status: 200 });
    expect(await old.next('bye')).toMatchObject({ err: 'revoked' });
    const link = await connected(rig.target, replacement);
    expect(await rig.document(old.identity.device)).toMatchObject({ device: { status: 'revoked' } });
    expect(await rig.admin.post(`/v1/devices/${replacement.device}/approve`)).toMatchObject({ status: 409 });
    link.close();
  });
});

test('too many attempts are held off', async () => {
  const strict = await startRig({ settings: { limits: { enrolmentsPerMinute: 3 } } });
  const ask = () => post(strict.target, '/v1/enroll/challenge', { nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg' });
  const statuses = [];
  for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await ask()).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  expect((await ask()).body).toMatchObject({ err: 'rate_limited' });
  await strict.close();
});
