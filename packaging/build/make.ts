import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Signing } from './authenticode.ts';
import { bundle, type Bundle } from './bundle.ts';
import { makeDeb } from './deb.ts';
import { buildEpoch } from './epoch.ts';
import { makeExecutable } from './executable.ts';
import { linuxPackage } from './linux-package.ts';
import { makePkg } from './macos-pkg.ts';
import { adHoc, type MacSigner } from './macos-signer.ts';
import { makeMsi } from './msi.ts';
import { readLock } from './npm-tarball.ts';
import type { Part } from './parts.ts';
import { makeRpm } from './rpm.ts';
import { sbomOf } from './sbom.ts';
import type { Target } from './targets.ts';
import { sha256Of } from './tools.ts';

export const formats = ['deb', 'rpm', 'pkg', 'msi'] as const;
export type Format = (typeof formats)[number];

export type Wanted = {
  root: string;
  out: string;
  version: string;
  targets: readonly Target[];
  parts: readonly Part[];
  /** Of the targets' systems; none of them: executables only. */
  formats: readonly Format[];
  /** Quick packages instead of small ones. */
  quick: boolean;
  /** Who signs code for macOS; nobody in particular unless told. */
  macSigner?: MacSigner;
  /** With what executables and packages for Windows are signed; with nothing unless told. */
  signing?: Signing;
  say(line: string): void;
};

/** Makes everything that is wanted, below `out`. Throws `BuildError`. */
export async function makeAll(wanted: Wanted): Promise<void> {
  const { root, parts, say } = wanted;
  // A tool is started elsewhere.
  const out = resolve(wanted.out);
  const cache = join(out, 'cache');
  for (const folder of [cache, join(out, 'sbom')]) mkdirSync(folder, { recursive: true });
  for (const part of parts) {
    const own = await bundle(root, part.entry);
    const size = [...own.code.values()].reduce((sum, code) => sum + code.length, 0);
    say(`${part.name}: ${megabytes(size)} of code, ${own.packages.length} npm packages in it`);
    await makePart({ ...wanted, out, cache, part, bundle: own });
  }
  await writeSums(out);
}

type PartJob = Wanted & { cache: string; part: Part; bundle: Bundle };

async function makePart(job: PartJob): Promise<void> {
  const { root, out, part, version } = job;
  const ingredients = { part, bundle: job.bundle, lock: readLock(root), version, epoch: buildEpoch(root) };
  const targets = job.targets.filter(({ os }) => part.systems.includes(os));
  for (const target of targets) {
    const folder = join(out, 'bin', target.name);
    mkdirSync(folder, { recursive: true });
    const made = await makeExecutable({ ...job, out: folder, target });
    tell(job, made[0] ?? '');
    const sbom = sbomOf({ ...ingredients, targets: [target] });
    if (target.os === 'linux') await makeLinuxPackages(job, { target, made, sbom });
    if (target.os === 'macos' && job.formats.includes('pkg'))
      await makeMacPackage(job, { target, made, sbom });
    if (target.os === 'windows' && job.formats.includes('msi'))
      await makeWindowsPackage(job, { target, made, sbom });
  }
  const sbom = sbomOf({ ...ingredients, targets });
  writeFileSync(join(out, 'sbom', `${part.name}.cdx.json`), sbom);
}

type Made = { target: Target; made: readonly string[]; sbom: string };

async function makeLinuxPackages(job: PartJob, { target, made, sbom }: Made): Promise<void> {
  const { root, part, version, quick, out, formats } = job;
  const own = await linuxPackage({ root, part, made, sbom });
  const packages = packagesFolder(job);
  for (const format of formats) {
    if (format === 'pkg' || format === 'msi') continue;
    const work = join(out, 'cache', `work-${format}`);
    const make = { deb: makeDeb, rpm: makeRpm }[format];
    tell(job, make({ own, target, version, epoch: buildEpoch(root), out: packages, work, quick }));
  }
}

async function makeMacPackage(job: PartJob, made: Made): Promise<void> {
  const { root, out, macSigner: signer = adHoc } = job;
  const work = join(out, 'cache/work-pkg');
  tell(
    job,
    await makePkg({ ...job, ...made, signer, epoch: buildEpoch(root), out: packagesFolder(job), work }),
  );
}

async function makeWindowsPackage(job: PartJob, made: Made): Promise<void> {
  const { root, out, signing = null } = job;
  const work = join(out, 'cache/work-msi');
  tell(
    job,
    await makeMsi({ ...job, ...made, signing, epoch: buildEpoch(root), out: packagesFolder(job), work }),
  );
}

function packagesFolder({ out }: PartJob): string {
  const packages = join(out, 'packages');
  mkdirSync(packages, { recursive: true });
  return packages;
}

function tell({ root, say }: Wanted, file: string): void {
  say(`${relative(root, file)}: ${megabytes(statSync(file).size)}`);
}

/** What `sha256sum -c` reads: everything that was made. */
async function writeSums(out: string): Promise<void> {
  const files = ['bin', 'sbom', 'packages'].flatMap((folder) => filesIn(out, folder)).toSorted();
  const lines = await Promise.all(files.map(async (path) => `${await sha256Of(join(out, path))}  ${path}\n`));
  writeFileSync(join(out, 'SHA256SUMS'), lines.join(''));
}

function filesIn(out: string, folder: string): string[] {
  try {
    return readdirSync(join(out, folder), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => relative(out, join(one.parentPath, one.name)));
  } catch {
    return [];
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
