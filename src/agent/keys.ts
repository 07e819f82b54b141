import { createPublicKey, diffieHellman } from 'node:crypto';
import { z } from 'zod';
import { thumbprint, type PublicJwk, type Signer } from '../wire/envelope.ts';
import { softwareVpnKey, type VpnKey } from './certificate/vpn-key.ts';
import {
  generateJwk,
  importJwk,
  privateJwk,
  publicPart,
  signBytes,
  softwareSigner,
  type PrivateJwk,
} from '../wire/software-key.ts';

export type KeyProtection = 'tpm' | 'os-keystore' | 'file';

/** The device's long-lived keys: what is secret stays inside. */
export interface KeyStore {
  readonly protection: KeyProtection;
  /** The report key's signature, 64 bytes r||s, over SHA-256 of `bytes`. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  /** ECDH of the encryption key with `peerKey`: 32 bytes. */
  agree(peerKey: PublicJwk): Promise<Uint8Array>;
  publicJwks(): Promise<{ report: PublicJwk; encryption: PublicJwk }>;
  /** A new key for one VPN certificate, which VPN software can use: made for it, and not kept here. */
  newVpnKey(): Promise<VpnKey>;
}

/** A key store that cannot be used as it is. The message is for a person and says what to do. */
export class KeyStoreError extends Error {
  override name = 'KeyStoreError';
}

/** Both keys as a software store keeps them. */
export const keyPair = z.strictObject({ report: privateJwk, encryption: privateJwk });

export type KeyPair = z.infer<typeof keyPair>;

export async function generateKeys(): Promise<KeyPair> {
  const [report, encryption] = await Promise.all([generateJwk(), generateJwk()]);
  return { report, encryption };
}

/** A key store whose keys lie in this process's memory: what file and keyring have in common. */
export function softwareKeys(keys: KeyPair, protection: KeyProtection): KeyStore {
  const report = importJwk(keys.report);
  return {
    protection,
    sign: (bytes) => signBytes(report, bytes),
    agree: agreeBy(keys.encryption),
    publicJwks: async () => ({ report: publicPart(keys.report), encryption: publicPart(keys.encryption) }),
    newVpnKey: softwareVpnKey,
  };
}

/** ECDH with a key that lies in this process's memory. */
export function agreeBy(key: PrivateJwk): KeyStore['agree'] {
  const privateKey = importJwk(key);
  return async (peerKey) =>
    diffieHellman({ privateKey, publicKey: createPublicKey({ key: peerKey, format: 'jwk' }) });
}

/** The report key as a signer of envelopes. */
export async function reportSigner(keys: KeyStore): Promise<Signer> {
  const { report } = await keys.publicJwks();
  return { kid: await thumbprint(report), jwk: report, sign: (bytes) => keys.sign(bytes) };
}

/** A key for one connection. It exists in memory only and is gone with the connection. */
export async function sessionSigner(): Promise<Signer> {
  return softwareSigner(await generateJwk());
}
