import { loadGatewayConfig, type GatewayConfig } from '../gateway/config.ts';
import { readSecrets } from '../gateway/secrets.ts';
import { writeConfiguration } from '../gateway/write-configuration.ts';
import { say, sayJson } from './present.ts';
import { UsageError } from './usage-error.ts';

export type GatewayOptions = { config: string; json?: boolean };

export async function gatewayConfig({ config }: GatewayOptions): Promise<GatewayConfig> {
  const loaded = await loadGatewayConfig(config);
  if (!loaded.ok) throw new UsageError(loaded.error);
  return loaded.value;
}

/** Writes FreeRADIUS' configuration. */
export async function renderCommand(options: GatewayOptions & { out: string }): Promise<number> {
  const config = await gatewayConfig(options);
  const secrets = await readSecrets(config);
  if (!secrets.ok) throw new UsageError(secrets.error);
  const files = await writeConfiguration(options.out, config, secrets.value);
  if (options.json) sayJson({ folder: options.out, files });
  else
    say(
      [...files.map((file) => `wrote ${file}`), '', `Look at it with: freeradius -d ${options.out} -CX`].join(
        '\n',
      ),
    );
  return 0;
}
