import type { ServerConfig } from '../config.ts';
import { readSharedSecret } from '../secret-file.ts';
import { StartError } from '../start-error.ts';
import type { WebhookSources } from './webhook-door.ts';
import { parseSecrets } from './webhook.ts';

/** Reads the secrets of every source that one of the settings names. Throws `StartError` or `SecretFileError`. */
export async function loadSources(
  settings: ServerConfig['signals'],
  setting: 'signals' | 'offboarding',
): Promise<WebhookSources> {
  const sources = new Map<string, readonly Buffer[]>();
  for (const { source, secretFile } of settings) {
    const secrets = parseSecrets(await readSharedSecret(secretFile, `${setting}: ${source}`));
    if (!secrets.ok) throw new StartError(`${secretFile} ${secrets.error} (${setting}: ${source}).`);
    sources.set(source, secrets.value);
  }
  return sources;
}
