import { createToken } from '../server/administer.ts';
import { pathsIn } from '../server/data-folder.ts';
import { loadSigningKeys } from '../server/signing-keys.ts';
import { say, sayJson } from './present.ts';
import { withStore, type ServerOptions } from './server-settings.ts';

export async function createCommand(options: ServerOptions): Promise<number> {
  const made = await withStore(options, async (store, config) => {
    const { root } = await loadSigningKeys(pathsIn(config.dataDir));
    const wanted = { uses: 1, validMs: 86_400_000, approval: false, note: '' };
    return store.write((db) => createToken(db, wanted, root.kid, { actor: 'cli', now: Date.now() }));
  });
  if (options.json) sayJson(made);
  else say(made.token);
  return 0;
}
