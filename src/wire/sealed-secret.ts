import { createDecipheriv, createHash } from 'node:crypto';
import { base64url, CompactEncrypt, decodeProtectedHeader, importJWK, type JWK } from 'jose';
import { z } from 'zod';
import { err, ok, type Result } from '../base/result.ts';
import { publicJwk, type PublicJwk } from './envelope.ts';

const ALG = 'ECDH-ES';
const ENC = 'A256GCM';
const KEY_BITS = 256;

/** A secret for one device's encryption key alone: compact JWE (RFC 7516), ECDH-ES with A256GCM. */
export async function sealSecret(secret: string, recipient: PublicJwk): Promise<string> {
  const key = await importJWK(recipient as JWK, ALG);
  return new CompactEncrypt(new TextEncoder().encode(secret))
    .setProtectedHeader({ alg: ALG, enc: ENC })
    .encrypt(key);
}

const header = z.strictObject({ alg: z.literal(ALG), enc: z.literal(ENC), epk: publicJwk });

/**
 * Opens a secret. `agree` is the encryption key's ECDH with a peer's key (32 bytes): a hardware key does that and
 * gives nothing else away, which is why jose, who wants the key itself, cannot do this part.
 */
export async function openSecret(
  jwe: string,
  agree: (peer: PublicJwk) => Promise<Uint8Array>,
): Promise<Result<string, 'malformed' | 'not-for-us'>> {
  const [protectedHeader = '', encryptedKey, iv = '', ciphertext = '', tag = ''] = jwe.split('.');
  const parsed = header.safeParse(headerOf(jwe));
  if (!parsed.success || encryptedKey !== '') return err('malformed');
  const nonce = base64url.decode(iv);
  const mac = base64url.decode(tag);
  if (nonce.length !== 12 || mac.length !== 16) return err('malformed');
  try {
    const key = concatKdf(await agree(parsed.data.epk));
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    decipher.setAAD(Buffer.from(protectedHeader, 'ascii')).setAuthTag(mac);
    const clear = Buffer.concat([decipher.update(base64url.decode(ciphertext)), decipher.final()]);
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(clear));
  } catch {
    return err('not-for-us');
  }
}

function headerOf(jwe: string): unknown {
  try {
    return decodeProtectedHeader(jwe);
  } catch {
    return null;
  }
}

/** RFC 7518 §4.6.2 for one round of SHA-256 and no party information, which is what jose leaves out as well. */
function concatKdf(shared: Uint8Array): Buffer {
  const hash = createHash('sha256').update(uint32(1)).update(shared);
  const algorithm = Buffer.from(ENC, 'ascii');
  hash.update(uint32(algorithm.length)).update(algorithm);
  return hash.update(uint32(0)).update(uint32(0)).update(uint32(KEY_BITS)).digest();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
