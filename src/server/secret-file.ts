import { readPrivate, type PrivateFileProblem } from '../base/private-file.ts';

/** Something about the server's folder that keeps it from starting; the message says what to do. */
export class SecretFileError extends Error {
  override name = 'SecretFileError';
}

const MAX_BYTES = 65_536;

const ADVICE: Record<PrivateFileProblem['kind'], string> = {
  missing: 'Restore it from a copy, or make what is missing anew: drawbridge-server init.',
  link: 'Put the file itself there.',
  denied: 'Run the server as that user.',
  'no-file': 'Restore it from a copy.',
  'too-large': 'Restore it from a copy.',
  foreign: 'Run the server as the file’s owner, or give the file to it with chown.',
  'open-to-others':
    'Make it private with chmod 600; if others had access to this machine, replace what it holds.',
  failed: 'Check the disk, or restore it from a copy.',
};

/** A file of the data folder that holds a secret: refused when others could have read or planted it. */
export async function readSecret(path: string): Promise<string> {
  const text = await readPrivate(path, MAX_BYTES);
  if (text.ok) return text.value;
  throw refused(path, text.error);
}

/** The same for a secret that is shared with somebody else and that `setting` names: nobody here can make it anew. */
export async function readSharedSecret(path: string, setting: string): Promise<string> {
  const text = await readPrivate(path, MAX_BYTES);
  if (text.ok) return text.value;
  if (text.error.kind !== 'missing') throw refused(path, text.error);
  throw new SecretFileError(
    `${path} ${text.error.detail}. Write the secret into it, readable by the server alone, or name another file: ${setting}.`,
  );
}

/** The same for a secret that is not needed now and may be kept elsewhere. */
export async function guardSecret(path: string): Promise<void> {
  const text = await readPrivate(path, MAX_BYTES);
  if (!text.ok && text.error.kind !== 'missing') throw refused(path, text.error);
}

function refused(path: string, { kind, detail }: PrivateFileProblem): SecretFileError {
  return new SecretFileError(`${path} ${detail}. ${ADVICE[kind]}`);
}
