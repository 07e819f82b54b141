import { base64url } from 'jose';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { inspect, open, seal, TYP } from '../../src/wire/envelope.ts';
import { memorySigner } from './fixtures.ts';

const payload = z.object({ hello: z.string() });
const signer = await memorySigner();
const MAX = 10_000;

function withHeader(jws: string, change: object): string {
  const [header = '', ...rest] = jws.split('.');
  const changed = { ...JSON.parse(Buffer.from(base64url.decode(header)).toString()), ...change };
  return [base64url.encode(JSON.stringify(changed)), ...rest].join('.');
}

describe('envelope', () => {
  test('what was sealed opens, with the key named by its RFC 7638 thumbprint', async () => {
    const jws = await seal(TYP.report, { hello: 'wörld' }, signer);
    expect(inspect(jws, TYP.report, MAX)).toEqual({
      ok: true,
      value: { alg: 'ES256', typ: 'eat+jwt', kid: signer.kid },
    });
    expect(await open(jws, signer.jwk, payload)).toEqual({ ok: true, value: { hello: 'wörld' } });
  });

  test('every change of a single character is noticed', async () => {
    const jws = await seal(TYP.report, { hello: 'world' }, signer);
    for (let at = 0; at < jws.length; at += 1) {
      // The last character of a part carries padding bits that do not belong to the value.
      if (jws[at] === '.' || jws[at + 1] === '.' || at === jws.length - 1) continue;
      const changed = `${jws.slice(0, at)}${jws[at] === 'A' ? 'B' : 'A'}${jws.slice(at + 1)}`;
      expect((await open(changed, signer.jwk, payload)).ok, `character ${at}`).toBe(false);
    }
  });

  test('another key’s signature is refused', async () => {
    const jws = await seal(TYP.report, { hello: 'world' }, await memorySigner());
    expect(await open(jws, signer.jwk, payload)).toEqual({ ok: false, error: 'bad_signature' });
  });

  test('size, parts, algorithm, type and unknown header members are checked before the signature', async () => {
    const jws = await seal(TYP.order, { hello: 'world' }, signer);
    const refusal = (text: string) => inspect(text, TYP.order, MAX);
    expect(refusal('x'.repeat(MAX + 1))).toEqual({ ok: false, error: 'frame_too_large' });
    expect(refusal('a.b')).toEqual({ ok: false, error: 'malformed' });
    expect(refusal('a.b.c')).toEqual({ ok: false, error: 'malformed' });
    expect(refusal('')).toEqual({ ok: false, error: 'malformed' });
    expect(inspect(jws, TYP.report, MAX)).toEqual({ ok: false, error: 'wrong_type' });
    for (const change of [
      { alg: 'none' },
      { alg: 'HS256' },
      { crit: ['b64'] },
      { jku: 'https://x' },
      { x5c: [] },
    ]) {
      expect(refusal(withHeader(jws, change)), JSON.stringify(change)).toEqual({
        ok: false,
        error: 'wrong_type',
      });
    }
  });

  test('a signed payload of another shape, or none at all, is malformed', async () => {
    expect(await open(await seal(TYP.report, { hello: 1 }, signer), signer.jwk, payload)).toEqual({
      ok: false,
      error: 'malformed',
    });
    expect(await open('e30.e30.AAAA', signer.jwk, payload)).toMatchObject({ ok: false });
  });
});
