import { createHash } from 'node:crypto';
import { z } from 'zod';
import { writeAtomic } from '../base/atomic-file.ts';
import { parseJson } from '../base/json.ts';
import type { PublicJwk } from '../wire/envelope.ts';
import { softwareVpnKey } from './certificate/vpn-key.ts';
import { readKeyFile } from './key-file.ts';
import { KeyStoreError, type KeyStore } from './keys.ts';
import { TpmError, withTpm, type Tcti, type TpmTask } from './tpm-tools.ts';
import { parsePublic, parseSignature, pointOf, sharedX } from './tpm-structures.ts';

/*
 * Both keys are made inside the chip and wrapped by a primary key that the chip derives again each time from its own
 * seed: nothing of ours takes up the chip's own memory, and what lies on disk is worth nothing to another chip.
 */

const blob = z.base64().max(1_024);
const wrapped = z.strictObject({ pub: blob, priv: blob });
const keyBlobs = z.strictObject({ tpm: z.literal(1), report: wrapped, encryption: wrapped });

type Wrapped = { pub: Buffer; priv: Buffer };
type Role = 'report' | 'encryption';

const ROLES = {
  report: { template: 'ecc256:ecdsa-sha256', use: 'sign' },
  encryption: { template: 'ecc256:ecdh', use: 'decrypt' },
} as const;

/** `noda`: wrong passwords elsewhere, which lock the chip, do not lock out this device. The primary key needs it too. */
const ATTRIBUTES = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda';

/** Makes new keys in the chip. Throws `TpmError` where it cannot: never is a software key made in its stead. */
export async function createTpmKeys(path: string, tcti: Tcti, timeoutMs?: number): Promise<KeyStore> {
  const made = await withTpm(tcti, makeKeys, timeoutMs);
  const store = tpmKeys(made, { tcti, timeoutMs });
  // What cannot sign is not kept: a chip's word that it made a key is not enough.
  await store.sign(new Uint8Array(32));
  const blobs = { tpm: 1, report: asText(made.report), encryption: asText(made.encryption) };
  await writeAtomic(path, `${JSON.stringify(blobs)}\n`, 0o600);
  return store;
}

async function makeKeys(task: TpmTask): Promise<Record<Role, Wrapped>> {
  await createPrimary(task);
  return { report: await createKey(task, 'report'), encryption: await createKey(task, 'encryption') };
}

/** Null when there are none. The chip is not asked before it has to sign. */
export async function openTpmKeys(path: string, tcti: Tcti, timeoutMs?: number): Promise<KeyStore | null> {
  const text = await readKeyFile(path);
  if (text === null) return null;
  const parsed = keyBlobs.safeParse(parseJson(text));
  if (!parsed.success)
    throw new KeyStoreError(
      `${path} does not hold what the TPM wrapped (damaged?). Restore it from a backup of this computer, or enrol again.`,
    );
  const { report, encryption } = parsed.data;
  return tpmKeys({ report: asBytes(report), encryption: asBytes(encryption) }, { tcti, timeoutMs });
}

function asText({ pub, priv }: Wrapped): z.infer<typeof wrapped> {
  return { pub: pub.toString('base64'), priv: priv.toString('base64') };
}

function asBytes({ pub, priv }: z.infer<typeof wrapped>): Wrapped {
  return { pub: Buffer.from(pub, 'base64'), priv: Buffer.from(priv, 'base64') };
}

type Chip = { tcti: Tcti; timeoutMs: number | undefined };

function tpmKeys(keys: Record<Role, Wrapped>, { tcti, timeoutMs }: Chip): KeyStore {
  const shown = { report: parsePublic(keys.report.pub), encryption: parsePublic(keys.encryption.pub) };
  /** Keys that the chip has loaded before, as it saved them for itself; void when it starts anew. */
  const loaded = new Map<Role, Buffer>();
  let turn: Promise<unknown> = Promise.resolve();
  const ask = <T>(role: Role, use: (task: TpmTask) => Promise<T>): Promise<T> => {
    const work = (task: TpmTask) => withKey(task, role, keys[role], loaded, use);
    const mine = turn.then(() => withTpm(tcti, work, timeoutMs));
    turn = mine.catch(() => {});
    return mine;
  };
  return {
    protection: 'tpm',
    sign: (bytes) => ask('report', (task) => signWith(task, bytes)),
    agree: (peer) => ask('encryption', (task) => agreeWith(task, peer)),
    publicJwks: async () => shown,
    // IKEv1 of VPN software signs with a key that it reads itself; the report key in the chip vouches for it.
    newVpnKey: softwareVpnKey,
  };
}

async function withKey<T>(
  task: TpmTask,
  role: Role,
  key: Wrapped,
  loaded: Map<Role, Buffer>,
  use: (task: TpmTask) => Promise<T>,
): Promise<T> {
  const known = loaded.get(role);
  if (known !== undefined) {
    await task.write('key.ctx', known);
    try {
      return await use(task);
    } catch (error) {
      if (!(error instanceof TpmError) || error.problem !== 'stale') throw error;
      loaded.delete(role);
    }
  }
  await createPrimary(task);
  await load(task, key);
  loaded.set(role, await task.read('key.ctx'));
  return use(task);
}

function createPrimary(task: TpmTask): Promise<void> {
  const attributes = `${ATTRIBUTES}|restricted|decrypt`;
  const argv = ['-Q', '-C', 'o', '-G', 'ecc256', '-g', 'sha256', '-a', attributes, '-c', '@primary.ctx'];
  return task.tool('createprimary', argv);
}

async function createKey(task: TpmTask, role: Role): Promise<Wrapped> {
  const { template, use } = ROLES[role];
  const attributes = `${ATTRIBUTES}|${use}`;
  const out = ['-u', '@key.pub', '-r', '@key.priv'];
  await task.tool('create', ['-Q', '-C', '@primary.ctx', '-G', template, '-a', attributes, ...out]);
  return { pub: await task.read('key.pub'), priv: await task.read('key.priv') };
}

async function load(task: TpmTask, { pub, priv }: Wrapped): Promise<void> {
  await task.write('key.pub', pub);
  await task.write('key.priv', priv);
  await task.tool('load', [
    '-Q',
    '-C',
    '@primary.ctx',
    '-u',
    '@key.pub',
    '-r',
    '@key.priv',
    '-c',
    '@key.ctx',
  ]);
}

/** The chip signs a digest, so that it does not have to read a report. */
async function signWith(task: TpmTask, bytes: Uint8Array): Promise<Uint8Array> {
  const digest = createHash('sha256').update(bytes).digest();
  const argv = ['-Q', '-c', '@key.ctx', '-g', 'sha256', '-s', 'ecdsa', '-d', '-o', '@signature', '@digest'];
  await task.write('digest', digest);
  await task.tool('sign', argv);
  return parseSignature(await task.read('signature'));
}

async function agreeWith(task: TpmTask, peer: PublicJwk): Promise<Uint8Array> {
  await task.write('peer', pointOf(peer));
  await task.tool('ecdhzgen', ['-c', '@key.ctx', '-u', '@peer', '-o', '@shared']);
  return sharedX(await task.read('shared'));
}
