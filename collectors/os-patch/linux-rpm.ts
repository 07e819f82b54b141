import { z } from 'zod';
import { iso } from '../../src/base/clock.ts';
import { rpm } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import { pendingAnswer, pendingFields, rebootFields, type Reboot } from './linux-fact.ts';
import { readKernelReboot, type KernelNames } from './linux-kernels.ts';
import { pathsIn, remembered, type Source } from './linux-remembered.ts';
import { readFreshness } from './linux-repomd.ts';
import type { OsPatch } from './spec.ts';

/** What dnf and zypper take seconds to answer. */
const rpmAnswer = z.object({
  /** Null when it could not be counted. */
  pending: pendingAnswer.nullable(),
  lastInstalledAt: z.string().nullable(),
  /** Whether the manager itself asks for a restart. */
  restart: z.boolean().nullable(),
  error: z.string(),
});

export type RpmAnswer = z.infer<typeof rpmAnswer>;

/** A package manager on top of rpm. */
export type RpmManager = {
  manager: 'dnf' | 'zypper';
  /** Paths of the repomd.xml of every cached repository. */
  repositories: readonly string[];
  /** Folders whose files decide what the manager answers. */
  settings: readonly string[];
  kernels: KernelNames;
  /** Null when the manager is not installed. */
  ask: () => Promise<RpmAnswer | null>;
  automatic: () => Promise<OsPatch['automatic']>;
};

export async function readRpmManager(host: Host, managed: RpmManager): Promise<Observed<OsPatch> | null> {
  const entry = {
    key: `os-patch/${managed.manager}/1`,
    schema: rpmAnswer,
    source: await sourceOf(host, managed),
    keep: ({ pending }: RpmAnswer) => pending !== null,
  };
  const answer = await remembered(host, entry, managed.ask);
  if (answer === null) return null;
  const { pending, lastInstalledAt, restart, error } = answer;
  const [freshness, reboot, automatic] = await Promise.all([
    readFreshness(host, managed.repositories),
    readReboot(host, restart, managed.kernels),
    managed.automatic(),
  ]);
  if (pending === null && reboot === null && lastInstalledAt === null)
    return unknown('failed', `${managed.manager}: ${error}`);
  const counts = { ...pendingFields(pending), pendingMajor: null };
  const { manager } = managed;
  return known({ manager, lastInstalledAt, ...freshness, ...counts, ...rebootFields(reboot), automatic });
}

/** Where distributions keep the rpm database, with the write-ahead log of its SQLite form. */
const DATABASES = ['/var/lib/rpm', '/usr/lib/sysimage/rpm'].flatMap((folder) =>
  ['Packages', 'Packages.db', 'rpmdb.sqlite', 'rpmdb.sqlite-wal'].map((name) => `${folder}/${name}`),
);

/** With the boot: what needs a restart depends on when this one was. */
async function sourceOf(host: Host, { repositories, settings }: RpmManager): Promise<Source> {
  const files = await Promise.all(settings.map((folder) => pathsIn(host, folder)));
  const boot = await host.readText('/proc/sys/kernel/random/boot_id');
  return { files: [...DATABASES, ...repositories, ...files.flat()], words: [boot.ok ? boot.value : ''] };
}

async function readReboot(host: Host, restart: boolean | null, names: KernelNames): Promise<Reboot | null> {
  const flag = await host.readText('/run/reboot-needed');
  if (flag.ok) return { required: true, reason: 'an installed update asks for it' };
  const kernel = await readKernelReboot(host, names);
  if (kernel?.required || restart === null) return kernel;
  return { required: restart, reason: restart ? 'core libraries or services were updated' : null };
}

/** The last line of what went wrong. */
export function errorIn({ failure, stderr, code }: Output): string {
  return failure ?? (stderr.trim() || `exit ${code}`).slice(-200);
}

/** When a package was last installed or updated. */
export async function readLastInstall(host: Host): Promise<string | null> {
  const { code, stdout } = await host.run(rpm, ['-qa', '--qf', '%{INSTALLTIME}\\n']);
  return code === 0 ? parseInstallTimes(stdout) : null;
}

/** Seconds since the epoch, one a line. */
export function parseInstallTimes(text: string): string | null {
  const seconds = text
    .split('\n')
    .filter((line) => /^\d{9,11}$/.test(line))
    .map(Number);
  const newest = seconds.reduce((max, one) => Math.max(max, one), 0);
  return newest === 0 ? null : iso(newest * 1_000);
}
