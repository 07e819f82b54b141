import { chmod, chown, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { verify } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createKeys, keyPath, openKeys } from '../../src/agent/key-choice.ts';
import { createKeyFile, openKeyFile } from '../../src/agent/key-file.ts';
import { openKeyring } from '../../src/agent/key-keyring.ts';
import { reportSigner, sessionSigner } from '../../src/agent/keys.ts';
import { open, seal, thumbprint, TYP } from '../../src/wire/envelope.ts';
import { z } from 'zod';
import { keyHome, temporaryFolder } from './harness.ts';

const isRoot = process.getuid?.() === 0;

async function keyFile() {
  const path = join(await temporaryFolder(), 'keys.json');
  return { path, keys: await createKeyFile(path) };
}

describe('key file', () => {
  test('signs 64 bytes r||s that verify, under the key’s own thumbprint', async () => {
    const { path, keys } = await keyFile();
    const { report } = await keys.publicJwks();
    const bytes = Buffer.from('said');
    const signature = await keys.sign(bytes);
    expect(signature.length).toBe(64);
    const publicKey = { key: report, format: 'jwk', dsaEncoding: 'ieee-p1363' } as const;
    expect(verify('sha256', bytes, publicKey, signature)).toBe(true);
    const reopened = await openKeyFile(path);
    expect(await reopened?.publicJwks()).toEqual(await keys.publicJwks());
    const signer = await reportSigner(keys);
    expect(signer.kid).toBe(await thumbprint(report));
    const jws = await seal(TYP.session, { a: 1 }, signer);
    expect(await open(jws, report, z.object({ a: z.number() }))).toEqual({ ok: true, value: { a: 1 } });
  });

  test('both sides of an agreement come to the same secret', async () => {
    const [one, other] = [await keyFile(), await keyFile()];
    const publicOf = async (keys: typeof one.keys) => (await keys.publicJwks()).encryption;
    const [a, b] = [
      await one.keys.agree(await publicOf(other.keys)),
      await other.keys.agree(await publicOf(one.keys)),
    ];
    expect(a.length).toBe(32);
    expect(Buffer.from(a).equals(Buffer.from(b))).toBe(true);
  });

  test('is its owner’s alone', async () => {
    const { path } = await keyFile();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await openKeyFile(join(path, '..', 'other.json'))).toBeNull();
  });

  test.each([0o640, 0o604, 0o660])('refused when others can reach it (%o), with what to do', async (mode) => {
    const { path } = await keyFile();
    await chmod(path, mode);
    await expect(openKeyFile(path)).rejects.toThrow(/can be read by others.*Enrol again/);
  });

  test('refused when it is a symbolic link or a folder', async () => {
    const { path } = await keyFile();
    await rename(path, `${path}.real`);
    await symlink(`${path}.real`, path);
    await expect(openKeyFile(path)).rejects.toThrow(/symbolic link.*Remove the link/);
    await expect(openKeyFile(join(path, '..'))).rejects.toThrow('not a regular file');
  });

  test.runIf(isRoot)('refused when it belongs to somebody else (as root)', async () => {
    const { path } = await keyFile();
    await chown(path, 12_345, 12_345);
    await expect(openKeyFile(path)).rejects.toThrow(/belongs to user id 12345, not to 0/);
  });

  test.each(['', '{', '{"report":{}}', 'x'.repeat(5_000)])('refused when damaged', async (content) => {
    const { path } = await keyFile();
    await writeFile(path, content);
    await expect(openKeyFile(path)).rejects.toThrow(/does not hold the agent’s keys|too large/);
  });
});

describe('choice', () => {
  const wanted = { platform: 'linux', isRoot: false, hasSession: false } as const;

  test('two sets of keys lie side by side', async () => {
    const home = keyHome(await temporaryFolder());
    const made = await createKeys({ ...wanted, wanted: 'file', home });
    const next = await createKeys({ ...wanted, wanted: 'file', home }, 'b');
    expect(made.keys.protection).toBe('file');
    const opened = await Promise.all(
      (['a', 'b'] as const).map((slot) => openKeys({ kind: 'file', slot }, home)),
    );
    expect(await opened[0]?.publicJwks()).toEqual(await made.keys.publicJwks());
    expect(await opened[1]?.publicJwks()).toEqual(await next.keys.publicJwks());
    expect(keyPath({ kind: 'tpm', slot: 'b' }, { ...home, stateDir: '/s' })).toBe('/s/keys-b.tpm.json');
  });

  test('a daemon that insists on a keyring is told why not', async () => {
    const choice = { ...wanted, wanted: 'keyring', home: keyHome('/nowhere'), isRoot: true } as const;
    await expect(createKeys(choice)).rejects.toThrow('A service has no session keyring');
  });

  test('without a session, auto falls back to a file and a wish for a keyring is an error with a way out', async () => {
    const home = keyHome(await temporaryFolder());
    expect((await createKeys({ ...wanted, wanted: 'auto', home, hasSession: true })).kind).toBe('file');
    await expect(createKeys({ ...wanted, wanted: 'keyring', home })).rejects.toThrow('keyStore: file');
    await expect(openKeyring('test')).rejects.toThrow('keyring does not answer');
  });
});

test('a session’s key is new each time, and leaves nothing on disk', async () => {
  const [one, other] = [await sessionSigner(), await sessionSigner()];
  expect(one.kid).not.toBe(other.kid);
  expect(Object.keys(one.jwk).toSorted()).toEqual(['crv', 'kty', 'x', 'y']);
});

test('nothing secret is in what is public', async () => {
  const { path, keys } = await keyFile();
  const stored = JSON.parse(await readFile(path, 'utf8')) as { report: { d: string } };
  expect(JSON.stringify(await keys.publicJwks())).not.toContain(stored.report.d);
});
