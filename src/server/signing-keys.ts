import { readFile } from 'node:fs/promises';
import { writeAtomic } from '../base/atomic-file.ts';
import type { Signer } from '../wire/envelope.ts';
import { generateJwk, privateJwk, softwareSigner } from '../wire/software-key.ts';
import type { DataPaths } from './data-folder.ts';

/** The server's two signing keys: the root vouches for answers of enrolment, the order key for orders and policies. */
export type SigningKeys = { root: Signer; order: Signer };

/** A new P-256 key in a file that only its owner can read. */
export async function createKeyFile(path: string): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(await generateJwk())}\n`);
}

export async function loadSigningKeys(paths: DataPaths): Promise<SigningKeys> {
  const [root, order] = await Promise.all([loadSigner(paths.orderRoot), loadSigner(paths.orderKey)]);
  return { root, order };
}

async function loadSigner(path: string): Promise<Signer> {
  return softwareSigner(privateJwk.parse(JSON.parse(await readFile(path, 'utf8'))));
}
