import { chown, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { listAssets, readAsset } from '../base/assets.ts';
import { isMissing, writeAtomic } from '../base/atomic-file.ts';
import type { GatewayConfig } from './config.ts';
import { renderSite, type ConfFile, type GatewaySecrets } from './render.ts';

/** What is shipped, the same for every site. */
const SHIPPED = 'packaging/gateway/freeradius';

/**
 * Writes a whole configuration below `folder`: the shipped files as they are, and the site's own. Each file is replaced
 * in one step; other files there are left alone. Answers with the paths. Private files are for `freeradius.user` and
 * root, where that user exists here; else for whoever writes them.
 */
export async function writeConfiguration(
  folder: string,
  config: GatewayConfig,
  secrets: GatewaySecrets,
): Promise<string[]> {
  const group = await groupId(config.freeradius.user);
  const files = [...shippedFiles(), ...renderSite(config, secrets)];
  await makeFolder(folder);
  for (const { path, text, private: isPrivate } of files) {
    const target = join(folder, path);
    await makeFolder(dirname(target));
    await writeAtomic(target, text, isPrivate ? (group === null ? 0o600 : 0o640) : 0o644);
    if (isPrivate && group !== null) await chown(target, process.getuid?.() ?? 0, group);
  }
  return files.map(({ path }) => join(folder, path));
}

/** One level only: below `/proc`, Node's own recursive `mkdir` never returns. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (isMissing(error))
      throw new Error(`${path} cannot be made: its parent folder is not there`, { cause: error });
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** The files that every site has alike. */
export function shippedFiles(): ConfFile[] {
  return listAssets(SHIPPED).map((path) => ({
    path: path.slice(SHIPPED.length + 1),
    text: readAsset(path),
    private: false,
  }));
}

/** The number of a group of this machine, where we may give files to it. */
async function groupId(name: string): Promise<number | null> {
  if (name === '' || process.getuid?.() !== 0) return null;
  const lines = (await readFile('/etc/group', 'utf8').catch(() => '')).split('\n');
  const fields = lines.map((line) => line.split(':')).find(([group]) => group === name);
  return fields?.[2] === undefined ? null : Number(fields[2]);
}
