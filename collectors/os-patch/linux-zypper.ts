import { zypper } from '../../src/base/commands.ts';
import type { Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { someNames, type Pending } from './linux-fact.ts';
import { flavourAtTheEnd } from './linux-kernels.ts';
import { pathsIn } from './linux-remembered.ts';
import { errorIn, readLastInstall, readRpmManager, type RpmAnswer } from './linux-rpm.ts';
import type { OsPatch } from './spec.ts';
import { enabledTimers } from './linux-timers.ts';
import { parseUpdates, type Update } from './linux-zypper-xml.ts';

const QUIETLY = ['--non-interactive', '--no-refresh'];
const PATIENCE = { timeoutMs: 25_000 };

/** Null when there is no zypper here. `rolling`: a distribution without patches (Tumbleweed). */
export async function readZypper(host: Host, rolling: boolean): Promise<Observed<OsPatch> | null> {
  return readRpmManager(host, {
    manager: 'zypper',
    repositories: await repomdFiles(host),
    settings: ['/etc/zypp', '/etc/zypp/repos.d'],
    kernels: flavourAtTheEnd,
    ask: () => askZypper(host, rolling),
    automatic: () => readAutomatic(host),
  });
}

/** Exit 6 (no repositories), 7 (locked) and 106 (some repositories skipped) leave the count unknown. */
async function askZypper(host: Host, rolling: boolean): Promise<RpmAnswer | null> {
  const list = rolling ? 'lu' : 'lp';
  const output = await host.run(zypper, [...QUIETLY, '--xmlout', list], PATIENCE);
  if (output.failure === 'not-found') return null;
  const updates = output.code === 0 ? parseUpdates(output.stdout) : null;
  return {
    pending: updates && (rolling ? countPackages(updates) : countPatches(updates)),
    lastInstalledAt: await readLastInstall(host),
    restart: await readRestart(host),
    error: errorIn(output),
  };
}

export function countPatches(updates: readonly Update[]): Pending {
  const needed = updates.filter(({ kind, status }) => kind === 'patch' && status === 'needed');
  const security = needed.filter(({ category }) => category === 'security').length;
  return { total: needed.length, security, names: someNames(needed.map(({ name }) => name)) };
}

/** Packages carry no category: which of them close holes is not known. */
export function countPackages(updates: readonly Update[]): Pending {
  const packages = updates.filter(({ kind }) => kind === 'package');
  return { total: packages.length, security: null, names: someNames(packages.map(({ name }) => name)) };
}

/** Exit 0: no; 102: yes. Older versions know the command without the global options only. */
async function readRestart(host: Host): Promise<boolean | null> {
  for (const options of [QUIETLY, []]) {
    const { code } = await host.run(zypper, [...options, 'needs-rebooting'], PATIENCE);
    if (code === 0 || code === 102) return code === 102;
  }
  return null;
}

/** `/var/cache/zypp/raw/<alias>/repodata/repomd.xml`. */
async function repomdFiles(host: Host): Promise<string[]> {
  const aliases = await pathsIn(host, '/var/cache/zypp/raw');
  return aliases.map((path) => `${path}/repodata/repomd.xml`);
}

async function readAutomatic(host: Host): Promise<OsPatch['automatic']> {
  const timers = await enabledTimers(host, ['transactional-update.timer', 'os-update.timer']);
  return timers && (timers.length > 0 ? 'on' : 'off');
}
