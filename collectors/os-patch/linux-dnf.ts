import { dnf, dnf5, needsRestarting, yum, type Command } from '../../src/base/commands.ts';
import type { Observed } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import {
  parseAdvisories,
  parseAdvisoriesJson,
  parseCheckUpdate,
  parseNeedsRestarting,
  type Advisories,
} from './linux-dnf-lists.ts';
import { someNames, type Pending } from './linux-fact.ts';
import { flavourInside } from './linux-kernels.ts';
import { pathsIn } from './linux-remembered.ts';
import { errorIn, readLastInstall, readRpmManager, type RpmAnswer } from './linux-rpm.ts';
import type { OsPatch } from './spec.ts';
import { enabledTimers } from './linux-timers.ts';

/** `-C`: never the network. */
const FROM_CACHE = ['-C', '-q'];
const PATIENCE = { timeoutMs: 25_000 };

/** dnf 5, dnf 4 or yum, whichever is there; null for none. */
export async function readDnf(host: Host): Promise<Observed<OsPatch> | null> {
  return readRpmManager(host, {
    manager: 'dnf',
    repositories: await repomdFiles(host),
    settings: ['/etc/yum.repos.d', '/etc/dnf', '/etc/dnf/repos.override.d'],
    kernels: flavourInside,
    ask: () => askFirst(host),
    automatic: () => readAutomatic(host),
  });
}

async function askFirst(host: Host): Promise<RpmAnswer | null> {
  const tools = [
    { tool: dnf5, check: 'check-upgrade', security: readSecurityDnf5 },
    { tool: dnf, check: 'check-update', security: readSecurityDnf4 },
    { tool: yum, check: 'check-update', security: readSecurityDnf4 },
  ];
  for (const { tool, check, security } of tools) {
    const output = await host.run(tool, [...FROM_CACHE, check], PATIENCE);
    const pending = await countUpdates(output, () => security(host, tool));
    if (pending !== null || output.failure !== 'not-found') return answerOf(host, tool, output, pending);
  }
  return null;
}

/** Where there is no list of updates at all, the advisories alone still count. */
async function countUpdates(
  output: Output,
  readSecurity: () => Promise<number | null>,
): Promise<Pending | null> {
  const names = packagesIn(output);
  if (names === null && output.failure !== 'not-found') return null;
  const security = names?.length === 0 ? 0 : await readSecurity();
  if (names === null && security === null) return null;
  return { total: names?.length ?? null, security, names: someNames(names ?? []) };
}

async function answerOf(
  host: Host,
  tool: Command,
  output: Output,
  pending: Pending | null,
): Promise<RpmAnswer> {
  return {
    pending,
    lastInstalledAt: await readLastInstall(host),
    restart: await readRestart(host, tool),
    error: errorIn(output),
  };
}

/**
 * Exit 0 is none, 100 some. A none with a complaint beside it is not believed: without a release version, or
 * unregistered, dnf finds no repository, says so and exits 0 all the same.
 */
function packagesIn({ code, stdout, stderr }: Output): string[] | null {
  const names = parseCheckUpdate(stdout);
  if (code === 100) return names.length > 0 ? names : null;
  return code === 0 && stdout.trim() === '' && stderr.trim() === '' ? [] : null;
}

async function readSecurityDnf4(host: Host, tool: Command): Promise<number | null> {
  const listed = await advisories(host, tool, ['updateinfo', 'list', '--security']);
  return countSecurity(listed, () => advisories(host, tool, ['updateinfo', 'list']));
}

async function readSecurityDnf5(host: Host, tool: Command): Promise<number | null> {
  const json = await host.run(tool, [...FROM_CACHE, 'advisory', 'list', '--security', '--json'], PATIENCE);
  // --json is younger than dnf 5 itself.
  const listed =
    (json.code === 0 ? parseAdvisoriesJson(json.stdout) : null) ??
    (await advisories(host, tool, ['advisory', 'list', '--security']));
  return countSecurity(listed, () => advisories(host, tool, ['advisory', 'list']));
}

/**
 * Many repositories publish no advisories at all: no security advisory means none only where there are others. Rows
 * that were asked for as security and are not recognised as such count for nothing.
 */
async function countSecurity(
  listed: Advisories | null,
  readAll: () => Promise<Advisories | null>,
): Promise<number | null> {
  if (listed?.any) return listed.security.length || null;
  const all = await readAll();
  return all?.any ? all.security.length : null;
}

async function advisories(host: Host, tool: Command, argv: readonly string[]): Promise<Advisories | null> {
  const { code, stdout } = await host.run(tool, [...FROM_CACHE, ...argv], PATIENCE);
  return code === 0 ? parseAdvisories(stdout) : null;
}

async function readRestart(host: Host, tool: Command): Promise<boolean | null> {
  const attempts: [Command, string[]][] = [
    [tool, ['-C', 'needs-restarting', '-r']],
    [needsRestarting, ['-r']],
  ];
  for (const [program, argv] of attempts) {
    const { stdout } = await host.run(program, argv, PATIENCE);
    const said = parseNeedsRestarting(stdout);
    if (said !== null) return said;
  }
  return null;
}

const CACHES = ['/var/cache/libdnf5', '/var/cache/dnf'];

/** `<cache>/<repository>-<hash>/repodata/repomd.xml`. */
async function repomdFiles(host: Host): Promise<string[]> {
  const folders = await Promise.all(CACHES.map((cache) => pathsIn(host, cache)));
  return folders
    .flat()
    .filter((path) => /-[0-9a-f]{8,}$/.test(path))
    .map((path) => `${path}/repodata/repomd.xml`);
}

/** The timers of dnf-automatic in both generations. `-install` installs whatever the settings say. */
const TIMERS = [
  'dnf5-automatic.timer',
  'dnf-automatic.timer',
  'dnf-automatic-install.timer',
  'dnf-automatic-download.timer',
];

async function readAutomatic(host: Host): Promise<OsPatch['automatic']> {
  const timers = await enabledTimers(host, TIMERS);
  if (timers === null) return null;
  if (timers.includes('dnf-automatic-install.timer')) return 'on';
  if (timers.includes('dnf5-automatic.timer') || timers.includes('dnf-automatic.timer')) {
    const settings = await host.readText('/etc/dnf/automatic.conf');
    return settings.ok ? parseAutomaticConf(settings.value) : null;
  }
  return timers.includes('dnf-automatic-download.timer') ? 'download-only' : 'off';
}

/** `[commands]`: apply_updates and download_updates; upgrade_type `security` is enough. */
export function parseAutomaticConf(text: string): 'on' | 'download-only' | 'off' {
  const isOn = (key: string) =>
    new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(?:yes|true|1|on)[ \\t]*$`, 'im').test(text);
  if (isOn('apply_updates')) return 'on';
  return isOn('download_updates') ? 'download-only' : 'off';
}
