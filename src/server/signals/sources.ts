import type { ServerConfig } from '../config.ts';
import { readSecret } from '../secret-file.ts';
import { StartError } from '../start-error.ts';
import type { SignalSources } from './signal-routes.ts';
import { parseSecrets } from './webhook.ts';

/** Reads the secrets of every source that the settings name. Throws `StartError` or `SecretFileError`. */
export async function loadSources(settings: ServerConfig['signals']): Promise<SignalSources> {
  const sources = new Map<string, readonly Buffer[]>();
  for (const { source, secretFile } of settings) {
    const secrets = parseSecrets(await readSecret(secretFile));
    if (!secrets.ok) throw new StartError(`${secretFile} ${secrets.error} (signals: ${source}).`);
    sources.set(source, secrets.value);
  }
  return sources;
}
