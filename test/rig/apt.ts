import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LISTS = '/var/lib/apt/lists';
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };

/** What the package lists of this machine say, as one digest: the same lists resolve to the same packages. */
export function listsDigest(): string {
  const digest = createHash('sha256');
  for (const name of readdirSync(LISTS).toSorted())
    if (name.endsWith('InRelease') || name.endsWith('Release'))
      digest.update(readFileSync(join(LISTS, name)));
  return digest.digest('hex');
}

export function haveLists(): boolean {
  return readdirSync(LISTS).some((name) => name.endsWith('InRelease') || name.endsWith('Release'));
}

export function updateLists(): void {
  run('/usr/bin/apt-get', ['update', '-q'], 300);
}

/**
 * Downloads packages with everything they need into `folder`, as if nothing was installed, and answers the files
 * that belong to the set. apt checks their signatures. Nothing of the machine itself is touched.
 */
export function download(packages: readonly string[], folder: string): string[] {
  const status = join(folder, 'status');
  mkdirSync(join(folder, 'partial'), { recursive: true });
  writeFileSync(status, '');
  const options = [
    '-qq',
    '--yes',
    '--no-install-recommends',
    '-o',
    `Dir::State::status=${status}`,
    '-o',
    `Dir::Cache::archives=${folder}`,
    '-o',
    'Debug::NoLocking=1',
    '-o',
    'APT::Sandbox::User=root',
  ];
  const listed = run('/usr/bin/apt-get', [...options, '--print-uris', 'install', ...packages], 60);
  try {
    run('/usr/bin/apt-get', [...options, '--download-only', 'install', ...packages], 600);
  } catch (error) {
    throw new DownloadFailed(String(error));
  }
  return listed
    .split('\n')
    .map((line) => /^'[^']+' (\S+\.deb) /.exec(line)?.[1])
    .filter((name) => name !== undefined);
}

/** The packages could not be fetched. */
export class DownloadFailed extends Error {}

/** Runs a program to its end and answers its standard output; an error says what it wrote. */
export function run(file: string, argv: readonly string[], seconds: number): string {
  const done = spawnSync(file, argv, {
    env: environment,
    timeout: seconds * 1_000,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (done.status !== 0)
    throw new Error(
      `${file} ${argv.at(-1) ?? ''} failed (${done.status ?? done.signal}): ${done.stderr.slice(-2_000)}`,
    );
  return done.stdout;
}
