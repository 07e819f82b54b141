import { readSecret } from '../secret-file.ts';
import { StartError } from '../start-error.ts';
import { createCredentials, type CredentialParts, type Credentials } from './credentials.ts';

const HOUR_MS = 3_600_000;
const KEY_BYTES = 32;

type Parts = Omit<CredentialParts, 'key' | 'periodMs'> & { hours: number | null; keyFile: string };

/** Null where none are given. Throws `StartError` without a usable key. */
export async function openCredentials({ hours, keyFile, ...parts }: Parts): Promise<Credentials | null> {
  if (hours === null) return null;
  const key = Buffer.from((await readSecret(keyFile)).trim(), 'base64url');
  if (key.length !== KEY_BYTES)
    throw new StartError(
      `${keyFile} holds no key. Remove the file and make a new one, upon which every device gets another password: drawbridge-server init.`,
    );
  return createCredentials({ ...parts, key, periodMs: hours * HOUR_MS });
}
