import { systemClock } from '../base/clock.ts';
import { serviceManager } from '../base/service-manager.ts';
import { runHelper } from '../gateway/main.ts';
import { readSecrets } from '../gateway/secrets.ts';
import { gatewayConfig, type GatewayOptions } from './gateway-configuration.ts';
import { say } from './present.ts';
import { UsageError } from './usage-error.ts';

/** Runs until a signal ends it; 0 then, 1 when a part of the helper ended by itself. */
export async function startCommand(options: GatewayOptions): Promise<number> {
  const config = await gatewayConfig(options);
  const { helper } = config;
  if (helper === undefined) {
    throw new UsageError(`${options.config} has no section "helper"; docs/gateway.md has an example.`);
  }
  const secrets = await readSecrets(config);
  if (!secrets.ok) throw new UsageError(secrets.error);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const manager = serviceManager(process.env);
  const ready = () => {
    void manager.ready();
    if (options.json) say(JSON.stringify({ event: 'ready', port: helper.port }));
  };
  const alive = manager.keepAlive(systemClock, stop.signal);
  const ended = await runHelper(
    { ...config, helper },
    { ...secrets.value, helperToken: secrets.value.helperToken ?? '' },
    { signal: stop.signal, ready },
  );
  stop.abort();
  await alive;
  return ended ? 0 : 1;
}
