import type { Signer } from '../wire/envelope.ts';
import type { DataPaths } from './data-folder.ts';
import { exists } from './init.ts';
import { createKeyFile, loadSigner } from './signing-keys.ts';

/** The key with which this server signs baselines of its own; it signs nothing else. Null where none was made yet. */
export async function ownBaselineKey(paths: DataPaths): Promise<Signer | null> {
  return (await exists(paths.baselineKey)) ? loadSigner(paths.baselineKey) : null;
}

export async function ensureBaselineKey(paths: DataPaths): Promise<Signer> {
  if (!(await exists(paths.baselineKey))) await createKeyFile(paths.baselineKey);
  return loadSigner(paths.baselineKey);
}
