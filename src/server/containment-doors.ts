import type { DaeDoor } from './containment-dae.ts';
import type { RadiusSettings } from './radius-settings.ts';
import { readSharedSecret } from './secret-file.ts';
import { StartError } from './start-error.ts';

const MIN_SECRET = 16;

/** Reads the secret of every NAS that can be asked. Throws `StartError` or `SecretFileError`. */
export async function loadDoors(all: RadiusSettings['nas']): Promise<ReadonlyMap<string, DaeDoor>> {
  const doors = new Map<string, DaeDoor>();
  for (const { name, dynamicAuthorization } of all) {
    if (dynamicAuthorization === undefined) continue;
    const { host, port, secretFile } = dynamicAuthorization;
    const secret = (await readSharedSecret(secretFile, `radius.nas: ${name}`)).trim();
    if (secret.length < MIN_SECRET || secret.includes('\n')) {
      throw new StartError(
        `${secretFile} has to hold one line of at least ${MIN_SECRET} characters (radius.nas: ${name}).`,
      );
    }
    doors.set(name, { host, port, secret });
  }
  return doors;
}
