import { homedir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, type ServerConfig } from '../server/config.ts';
import { pathsIn } from '../server/data-folder.ts';
import { openSqlite } from '../server/store/sqlite.ts';
import type { Store } from '../server/store/store.ts';
import { UsageError } from './usage-error.ts';

/** Options that most commands have. */
export type ServerOptions = { data?: string; config?: string; json?: boolean };

/** `--data`, else where a service keeps its data: root's or the user's own. */
export function dataFolder({ data }: ServerOptions): string {
  if (data !== undefined) return data;
  if (process.getuid?.() === 0) return '/var/lib/drawbridge-server';
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'drawbridge-server');
}

export async function serverConfig(options: ServerOptions): Promise<ServerConfig> {
  const loaded = await loadConfig(options.config ?? pathsIn(dataFolder(options)).config);
  if (!loaded.ok) throw new UsageError(loaded.error);
  return loaded.value;
}

/** Works on the server's database, which may be in use by the running server at the same time. */
export async function withStore<T>(
  options: ServerOptions,
  work: (store: Store, config: ServerConfig) => Promise<T>,
): Promise<T> {
  const config = await serverConfig(options);
  const store = await openSqlite(pathsIn(config.dataDir).database);
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}
