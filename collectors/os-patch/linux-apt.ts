import { z } from 'zod';
import { aptGet } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { readAutomatic, readIntent } from './linux-apt-automatic.ts';
import { parseSimulation } from './linux-apt-simulation.ts';
import { readSources, type Sources } from './linux-apt-sources.ts';
import {
  latest,
  modifiedAt,
  pendingAnswer,
  pendingFields,
  rebootFields,
  type Pending,
} from './linux-fact.ts';
import { readDebianReboot } from './linux-reboot.ts';
import { pathsIn, remembered, type Source } from './linux-remembered.ts';
import type { OsPatch } from './spec.ts';

/** What apt itself answers: it costs a second to ask and changes only with its files. */
const aptAnswer = z.object({
  /** Null when the simulation failed. */
  pending: pendingAnswer.nullable(),
  sources: z.object({ any: z.boolean(), security: z.boolean(), metadataAt: z.string().nullable() }),
  intent: z.enum(['on', 'download-only', 'off']).nullable(),
  error: z.string(),
});

type AptAnswer = z.infer<typeof aptAnswer>;

/** Null when there is no apt here. */
export async function readApt(host: Host): Promise<Observed<OsPatch> | null> {
  const answer = await rememberedAnswer(host);
  if (answer === null) return null;
  const [lastInstalledAt, lastCheckedAt, reboot, automatic, pendingMajor] = await Promise.all([
    modifiedAt(host, '/var/lib/dpkg/info'),
    readLastChecked(host),
    readDebianReboot(host),
    readAutomatic(host, answer.intent),
    readMajorOffer(host),
  ]);
  if (answer.pending === null && reboot === null && lastInstalledAt === null)
    return unknown('failed', `apt-get: ${answer.error}`);
  return known({
    manager: 'apt',
    lastInstalledAt,
    lastCheckedAt,
    metadataAt: answer.sources.metadataAt,
    ...pendingFields(trusted(answer.pending, answer.sources)),
    pendingMajor,
    ...rebootFields(reboot),
    automatic,
  });
}

/** Without lists nothing was counted; without a security list no security update can be seen. */
export function trusted(pending: Pending | null, sources: Pick<Sources, 'any' | 'security'>): Pending | null {
  if (pending === null) return null;
  // An offered update proves its own source.
  if (!sources.any && pending.total === 0) return null;
  const securityIsKnown = sources.security || (pending.security ?? 0) > 0;
  return { ...pending, security: securityIsKnown ? pending.security : null };
}

async function rememberedAnswer(host: Host): Promise<AptAnswer | null> {
  const entry = {
    key: 'os-patch/apt/1',
    schema: aptAnswer,
    source: await sourceOf(host),
    keep: ({ pending }: AptAnswer) => pending !== null,
  };
  return remembered(host, entry, () => askApt(host));
}

async function askApt(host: Host): Promise<AptAnswer | null> {
  const argv = ['-s', '-o', 'Debug::NoLocking=true', 'dist-upgrade'];
  const [{ code, stdout, stderr, failure }, sources, intent] = await Promise.all([
    host.run(aptGet, argv, { timeoutMs: 50_000 }),
    readSources(host),
    readIntent(host),
  ]);
  if (failure === 'not-found') return null;
  const pending = code === 0 ? parseSimulation(stdout) : null;
  return {
    pending,
    sources,
    intent,
    error: failure ?? (stderr.trim() || `exit ${code}`).slice(0, 200),
  };
}

const FILES = [
  '/var/lib/dpkg/status',
  '/var/lib/dpkg/arch',
  '/var/lib/apt/extended_states',
  '/etc/apt/apt.conf',
  '/etc/apt/preferences',
  '/etc/apt/sources.list',
];
const FOLDERS = [
  '/var/lib/apt/lists',
  '/etc/apt/apt.conf.d',
  '/etc/apt/preferences.d',
  '/etc/apt/sources.list.d',
];
/** These change at every attempt to refresh, also at those that fail. */
const NOT_WATCHED = new Set(['lock', 'partial', 'auxfiles']);

async function sourceOf(host: Host): Promise<Source> {
  const inFolders = await Promise.all(FOLDERS.map((folder) => pathsIn(host, folder, NOT_WATCHED)));
  return { files: [...FILES, ...inFolders.flat()] };
}

/**
 * update-notifier's stamp is written after success alone. The lists' folder changes when something new was fetched;
 * `partial`, `pkgcache.bin` and update-stamp change after failures as well.
 */
async function readLastChecked(host: Host): Promise<string | null> {
  return latest([
    await modifiedAt(host, '/var/lib/apt/periodic/update-success-stamp'),
    await modifiedAt(host, '/var/lib/apt/lists'),
  ]);
}

/** ubuntu-release-upgrader's note for the login message: empty, or `New release '24.04.3 LTS' available.` */
async function readMajorOffer(host: Host): Promise<number | null> {
  const note = await host.readText('/var/lib/ubuntu-release-upgrader/release-upgrade-available');
  if (!note.ok) return null;
  return note.value.trim() === '' ? 0 : 1;
}
