import { writeAtomic } from '../base/atomic-file.ts';
import { parseJson } from '../base/json.ts';
import type { Signer } from '../wire/envelope.ts';
import { generateJwk, privateJwk, softwareSigner } from '../wire/software-key.ts';
import type { DataPaths } from './data-folder.ts';
import { readSecret, SecretFileError } from './secret-file.ts';

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

export async function loadSigner(path: string): Promise<Signer> {
  const key = privateJwk.safeParse(parseJson(await readSecret(path)));
  if (key.success) return softwareSigner(key.data);
  throw new SecretFileError(
    `${path} does not hold a key (damaged?). Restore it from a copy; with a new one every device has to be enrolled again.`,
  );
}
