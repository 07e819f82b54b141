import { systemClock } from '../base/clock.ts';
import { serviceManager } from '../base/service-manager.ts';
import { init } from '../server/init.ts';
import { startServer } from '../server/main.ts';
import { say, sayJson } from './present.ts';
import { dataFolder, serverConfig, type ServerOptions } from './server-settings.ts';

export type InitOptions = ServerOptions & { name: string[]; host?: string; port?: number };

export async function initCommand(options: InitOptions): Promise<number> {
  const folder = dataFolder(options);
  const { name: names, host, port } = options;
  const made = await init(folder, {
    names,
    now: Date.now(),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
  });
  if (options.json) sayJson({ folder, made });
  else if (made.length === 0) say(`${folder} is complete already; nothing was changed.`);
  else
    say(
      [...made.map((file) => `made ${file}`), '', `Next: drawbridge-server start --data ${folder}`].join(
        '\n',
      ),
    );
  return 0;
}

/** Runs until a signal ends it; 0 then, 1 when a part of the server ended by itself. */
export async function startCommand(options: ServerOptions): Promise<number> {
  const server = await startServer(await serverConfig(options));
  if (options.json)
    say(JSON.stringify({ event: 'ready', url: server.url, est: server.est, crl: server.crl }));
  const manager = serviceManager(process.env);
  await manager.ready();
  const stopped = new AbortController();
  const alive = manager.keepAlive(systemClock, stopped.signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
  process.on('SIGHUP', () => void server.reloadPolicy());
  const { reason } = await server.ended;
  stopped.abort();
  await alive;
  return reason === 'signal' ? 0 : 1;
}
