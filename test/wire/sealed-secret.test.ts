import { createPublicKey, diffieHellman } from 'node:crypto';
import { compactDecrypt, importJWK, type JWK } from 'jose';
import { expect, test } from 'vitest';
import type { PublicJwk } from '../../src/wire/envelope.ts';
import { openProfile, sealProfile } from '../../src/wire/sealed-profile.ts';
import { openSecret, sealSecret } from '../../src/wire/sealed-secret.ts';
import { generateJwk, importJwk, publicPart, type PrivateJwk } from '../../src/wire/software-key.ts';
import { sealedProfile, vpnProfile } from '../../src/wire/vpn.ts';

const mine = await generateJwk();
const other = await generateJwk();

const agreeWith = (own: PrivateJwk) => async (peer: PublicJwk) =>
  diffieHellman({
    privateKey: importJwk(own),
    publicKey: createPublicKey({ key: peer, format: 'jwk' }),
  });

test('what jose has encrypted we open, by key agreement alone', async () => {
  const jwe = await sealSecret('Gä#5 pass', publicPart(mine));
  expect(await openSecret(jwe, agreeWith(mine))).toEqual({ ok: true, value: 'Gä#5 pass' });
  const byJose = await compactDecrypt(jwe, await importJWK(mine as JWK, 'ECDH-ES'));
  expect(new TextDecoder().decode(byJose.plaintext)).toBe('Gä#5 pass');
});

test('two of the same secret have nothing in common', async () => {
  const [a, b] = await Promise.all([sealSecret('x', publicPart(mine)), sealSecret('x', publicPart(mine))]);
  expect(a.split('.')[3]).not.toBe(b.split('.')[3]);
});

test('another device’s key, a changed byte and other algorithms do not open', async () => {
  const jwe = await sealSecret('secret', publicPart(mine));
  expect(await openSecret(jwe, agreeWith(other))).toEqual({ ok: false, error: 'not-for-us' });
  const [head = '', key = '', iv = '', text = '', tag = ''] = jwe.split('.');
  const flipped = `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`;
  expect(await openSecret([head, key, iv, flipped, tag].join('.'), agreeWith(mine))).toMatchObject({
    ok: false,
  });
  expect(await openSecret([head, key, iv, text, tag.slice(0, 8)].join('.'), agreeWith(mine))).toEqual({
    ok: false,
    error: 'malformed',
  });
  const none = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM' })).toString('base64url');
  expect(await openSecret([none, key, iv, text, tag].join('.'), agreeWith(mine))).toEqual({
    ok: false,
    error: 'malformed',
  });
  expect(await openSecret('garbage', agreeWith(mine))).toEqual({ ok: false, error: 'malformed' });
});

test('a profile’s secrets travel sealed and come back as they were, and nothing else of it changes', async () => {
  const profile = vpnProfile().parse({
    name: 'Office',
    gateway: 'vpn.example.com',
    machine: { kind: 'psk', psk: 'a very shared key' },
    user: { name: 'anna', password: 'her own' },
    suites: { ike: [], esp: [] },
    routes: 'all',
    dns: [],
    mtu: null,
  });
  const sealed = sealedProfile().parse(await sealProfile(profile, publicPart(mine)));
  expect(JSON.stringify(sealed)).not.toMatch(/shared|her own/);
  expect(await openProfile(sealed, agreeWith(mine))).toEqual({ ok: true, value: profile });
  expect(await openProfile(sealed, agreeWith(other))).toMatchObject({ ok: false });
});
