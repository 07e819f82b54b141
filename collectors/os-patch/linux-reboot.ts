import { dpkgQuery, needrestart } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { compareDpkg } from '../linux-versions.ts';
import type { Reboot } from './linux-fact.ts';
import { CURRENT, flavourAtTheEnd, outdated, readKernelReboot } from './linux-kernels.ts';

/** Debian and its relatives; null when nothing proves either answer. */
export async function readDebianReboot(host: Host): Promise<Reboot | null> {
  return (await fromFlagFile(host)) ?? (await fromKernel(host)) ?? (await fromNeedrestart(host));
}

/**
 * Written by the hooks of update-notifier-common, unattended-upgrades or needrestart. Its absence proves nothing,
 * since none of the three has to be installed.
 */
async function fromFlagFile(host: Host): Promise<Reboot | null> {
  const flag = await host.readText('/run/reboot-required');
  if (!flag.ok) return null;
  const packages = await host.readText('/run/reboot-required.pkgs');
  return { required: true, reason: packages.ok ? parsePackages(packages.value) : null };
}

const MAX_NAMED = 10;

/** Package names, one a line, repeated for every time one was installed. */
export function parsePackages(text: string): string | null {
  const names = new Set(text.split('\n').map((line) => line.trim()));
  const wanted = [...names].filter((name) => /^[a-z0-9][a-z0-9+.:-]*$/.test(name));
  return wanted.length === 0 ? null : `packages: ${wanted.slice(0, MAX_NAMED).join(', ')}`;
}

/** The newest kernel in /boot runs: then its own package may still have been rebuilt under the same name. */
async function fromKernel(host: Host): Promise<Reboot | null> {
  const byName = await readKernelReboot(host, flavourAtTheEnd);
  return byName?.required === false ? ((await fromRebuild(host)) ?? byName) : byName;
}

/** Debian's kernel states the version of its package in /proc/version. */
async function fromRebuild(host: Host): Promise<Reboot | null> {
  const build = await host.readText('/proc/version');
  const text = build.ok ? build.value : '';
  const [, release, running] = /^Linux version (\S+) .* Debian (\d\S*) \(/.exec(text) ?? [];
  if (release === undefined || running === undefined) return null;
  const { code, stdout } = await host.run(dpkgQuery, ['-W', '-f=${Version}', `linux-image-${release}`]);
  const installed = stdout.trim();
  if (code !== 0 || installed === '') return null;
  return compareDpkg(installed, running) > 0 ? outdated(running, installed) : CURRENT;
}

/** `-k`: the kernel alone; services to restart are no reboot. Captures of the plain form say the same. */
async function fromNeedrestart(host: Host): Promise<Reboot | null> {
  for (const argv of [['-b', '-k'], ['-b']]) {
    const { failure, stdout } = await host.run(needrestart, argv);
    if (failure === null) return parseNeedrestart(stdout);
  }
  return null;
}

/** Lines `NEEDRESTART-KSTA: 3`; Perl warnings may stand between them. 0 and no KSTA (containers) mean unknown. */
export function parseNeedrestart(text: string): Reboot | null {
  const value = (key: string) => new RegExp(`^NEEDRESTART-${key}: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const status = value('KSTA');
  if (status === '1') return CURRENT;
  return status === '2' || status === '3' ? outdated(value('KCUR'), value('KEXP')) : null;
}
