import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rotateResult } from '../../src/wire/enrolment.ts';
import { open, seal, TYP } from '../../src/wire/envelope.ts';
import { memorySigner } from '../wire/fixtures.ts';
import { startRig, type Rig } from './rig.ts';
import {
  connect,
  connected,
  payloadOf,
  post,
  rotateKeys,
  type Identity,
  type RotateOptions,
} from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const freshKeys = async () => ({ report: await memorySigner(), encryption: await memorySigner() });
const code = async (identity: Identity, options: RotateOptions) => {
  const { status, body } = await rotateKeys(rig.target, identity, options);
  return status === 200 ? 'done' : body.err;
};
const refusalOf = async (identity: Identity) => (await (await connect(rig.target, identity)).next('bye')).err;

describe('new keys', () => {
  test('take the place of the old ones at once; the answer is the order root’s', async () => {
    const link = await rig.link();
    const { identity } = link;
    const fresh = await freshKeys();
    const answer = await rotateKeys(rig.target, identity, { fresh });
    const jws = String(answer.body.jws);
    const { jwk } = JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString());
    expect(await open(jws, jwk, rotateResult)).toMatchObject({ ok: true, value: { kid: fresh.report.kid } });
    expect(await link.next('bye')).toMatchObject({ err: 'superseded' });
    expect(await refusalOf(identity)).toBe('key_retired');
    const renewed = await connected(rig.target, { ...identity, ...fresh });
    expect(await rig.audit()).toContainEqual(expect.stringMatching(`rotate keys ${identity.device}$`));
    expect(await rig.audit()).toContainEqual(`127.0.0.1 session refused key_retired ${identity.device}`);
    renewed.close();
  });

  test('asked for again after a lost answer, the answer is given again; the old key alone gets nothing', async () => {
    const identity = await rig.device();
    const fresh = await freshKeys();
    expect(await code(identity, { fresh })).toBe('done');
    expect(await code(identity, { fresh })).toBe('done');
    expect(await code(identity, { fresh: await freshKeys() })).toBe('key_retired');
    expect(await code({ ...identity, ...fresh }, { fresh: await freshKeys() })).toBe('done');
    // What came after has retired this one as well.
    expect(await code(identity, { fresh })).toBe('key_retired');
  });

  test('need both signatures over the same words', async () => {
    const identity = await rig.device();
    const [fresh, other] = [await freshKeys(), await freshKeys()];
    const stranger = await memorySigner();
    expect(await code(identity, { fresh, old: { ...stranger, kid: identity.report.kid } })).toBe(
      'bad_signature',
    );
    expect(await code(identity, { fresh, old: stranger })).toBe('unknown_key');
    const forged = { ...fresh, report: { ...fresh.report, sign: other.report.sign } };
    expect(await code(identity, { fresh: forged })).toBe('bad_signature');
    expect(await code(identity, { fresh, change: { report_key: other.report.jwk } })).toBe('malformed');
    const claims = { a: 1 };
    const pair = {
      old: await seal(TYP.rotate, claims, identity.report),
      new: await seal(TYP.rotate, { a: 2 }, fresh.report, true),
    };
    expect(await post(rig.target, '/v1/keys', pair)).toMatchObject({ body: { err: 'malformed' } });
    (await connected(rig.target, identity)).close();
  });

  test('of another time, server or device, or with a challenge that was used, are refused', async () => {
    const identity = await rig.device();
    const other = await rig.device();
    const fresh = await freshKeys();
    const now = () => rig.clock.now() - 600_000;
    expect(await code({ ...identity, now }, { fresh })).toBe('clock_skew');
    expect(await code({ ...identity, server: 'urn:drawbridge:server:x' }, { fresh })).toBe('wrong_audience');
    expect(await code(identity, { fresh, change: { iss: `urn:drawbridge:device:${other.device}` } })).toBe(
      'wrong_issuer',
    );
    const { body } = await post(rig.target, '/v1/enroll/challenge', { nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg' });
    const nonce = String(payloadOf(String(body.jws)).challenge);
    expect(await code(identity, { fresh, change: { nonce } })).toBe('done');
    expect(await code({ ...identity, ...fresh }, { fresh: await freshKeys(), change: { nonce } })).toBe(
      'challenge_unknown',
    );
  });

  test('that belong to another device already are refused', async () => {
    const [identity, other] = [await rig.device(), await rig.device()];
    expect(await code(identity, { fresh: other })).toBe('malformed');
    expect(await code(identity, { fresh: identity })).toBe('malformed');
    (await connected(rig.target, other)).close();
  });

  test('are not for a device that is revoked', async () => {
    const identity = await rig.device();
    await rig.admin.post(`/v1/devices/${identity.device}/revoke`);
    expect(await code(identity, { fresh: await freshKeys() })).toBe('revoked');
    expect(await rig.audit()).toContainEqual(`127.0.0.1 rotate keys refused revoked ${identity.device}`);
  });
});
