import { randomBytes } from 'node:crypto';
import { access, chmod, mkdir } from 'node:fs/promises';
import { stringify } from 'yaml';
import { readAsset } from '../base/assets.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { pathsIn, type DataPaths } from './data-folder.ts';
import { createKeyFile } from './signing-keys.ts';
import { createAuthority, renewServerCertificate } from './tls.ts';

export type InitOptions = {
  /** Names and addresses under which devices reach the server. */
  names: readonly string[];
  host?: string;
  port?: number;
  /** Milliseconds. */
  now: number;
};

/**
 * Makes the data folder (0700) and everything in it that is not there yet; what is there stays as it is.
 * Answers with the paths of the files that it made.
 */
export async function init(folder: string, options: InitOptions): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const paths = pathsIn(folder);
  const steps: [string, () => Promise<void>][] = [
    [paths.orderRoot, () => createKeyFile(paths.orderRoot)],
    [paths.orderKey, () => createKeyFile(paths.orderKey)],
    [paths.tlsCa, () => createAuthority(paths, options.now)],
    [paths.tls, async () => void (await renewServerCertificate(paths, options.names, options.now))],
    [paths.adminToken, () => writeAtomic(paths.adminToken, `${randomBytes(32).toString('base64url')}\n`)],
    [
      paths.credentialKey,
      () => writeAtomic(paths.credentialKey, `${randomBytes(32).toString('base64url')}\n`),
    ],
    [paths.policy, () => copyDefaultPolicy(paths)],
    [paths.config, () => writeAtomic(paths.config, configText(options), 0o644)],
  ];
  const made: string[] = [];
  for (const [path, make] of steps) {
    if (await exists(path)) continue;
    await make();
    made.push(path);
  }
  return made;
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function copyDefaultPolicy(paths: DataPaths): Promise<void> {
  await writeAtomic(paths.policy, readAsset('src/policy/default-policy.yaml'), 0o644);
}

function configText({ names, host = '127.0.0.1', port = 8443 }: InitOptions): string {
  const settings = stringify({ listen: { host, port }, names });
  return `# Settings of the Drawbridge server. Every other setting has a default; see: drawbridge-server start --help\n${settings}`;
}
