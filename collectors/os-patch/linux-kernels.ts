import type { Host } from '../check.ts';
import { compareRpm, compareDpkg } from '../linux-versions.ts';
import type { Reboot } from './linux-fact.ts';

/** A kernel release, taken apart: only kernels of the same flavour follow one another. */
type Kernel = { version: string; flavour: string };

export type KernelNames = {
  parse: (release: string) => Kernel | null;
  compare: (a: string, b: string) => number;
};

/** `6.1.0-28-cloud-amd64`, `6.12.48+deb13-amd64`, `5.15.0-91-generic`, SUSE's `6.4.0-150600.21-default`. */
export const flavourAtTheEnd: KernelNames = {
  parse(release) {
    const [, version, flavour] = /^(\d[\d.]*(?:-[\d.]+)?(?:\+[a-z0-9.~]+)?)-([a-z].*)$/.exec(release) ?? [];
    return version === undefined || flavour === undefined ? null : { version, flavour };
  },
  compare: compareDpkg,
};

/** `6.11.4-301.fc41.x86_64`, `5.14.0-427.13.1.el9_4.x86_64+rt`, Oracle's `5.15.0-206.el9uek.x86_64`. */
export const flavourInside: KernelNames = {
  parse(release) {
    const [, version, variant = ''] = /^(\d[\w.~-]*)(\+[\w-]+)?$/.exec(release) ?? [];
    if (version === undefined || version.startsWith('0-rescue')) return null;
    const build = /\.(?:rt\d|el\d+uek)/.exec(version)?.[0].replaceAll(/\d+/g, '') ?? '';
    return { version, flavour: `${build}${variant}` };
  },
  compare: compareRpm,
};

/** Whether a newer kernel is installed than runs; null when the running one did not come from /boot. */
export async function readKernelReboot(host: Host, names: KernelNames): Promise<Reboot | null> {
  const running = await host.readText('/proc/sys/kernel/osrelease');
  const boot = await host.list('/boot');
  return running.ok && boot.ok ? compareKernels(running.value.trim(), boot.value, names) : null;
}

const IMAGE = 'vmlinuz-';

export function compareKernels(
  running: string,
  bootNames: readonly string[],
  names: KernelNames,
): Reboot | null {
  const own = names.parse(running);
  const installed = bootNames
    .filter((name) => name.startsWith(IMAGE))
    .map((name) => ({ release: name.slice(IMAGE.length), kernel: names.parse(name.slice(IMAGE.length)) }))
    .filter(({ kernel }) => kernel?.flavour === own?.flavour);
  if (own === null || !installed.some(({ release }) => release === running)) return null;
  const newer = installed.find(({ kernel }) => kernel && names.compare(kernel.version, own.version) > 0);
  return newer === undefined ? CURRENT : outdated(running, newer.release);
}

export const CURRENT: Reboot = { required: false, reason: null };

export function outdated(running: string, installed: string): Reboot {
  return { required: true, reason: `kernel ${running} runs, ${installed} is installed` };
}
