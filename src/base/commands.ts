/** An executable by absolute path. Nothing outside this page is ever run (see `exec.ts`). */
export type Command = { readonly path: string };

function command<const P extends string>(path: P): { readonly path: P } {
  return { path };
}

/*
 * Every program the agent, the server or their tests can start, on one page for auditors.
 * Arguments are always an argv array, never a shell line; the environment is fixed in `exec.ts`.
 */

// Linux: packages and reboot
export const aptGet = command('/usr/bin/apt-get');
export const aptCache = command('/usr/bin/apt-cache');
export const aptConfig = command('/usr/bin/apt-config');
export const dpkgQuery = command('/usr/bin/dpkg-query');

// Linux: disks, sockets, services
export const lsblk = command('/usr/bin/lsblk');
export const cryptsetup = command('/usr/sbin/cryptsetup');
export const dmsetup = command('/usr/sbin/dmsetup');
export const zfs = command('/usr/sbin/zfs');
export const ss = command('/usr/bin/ss');
export const ip = command('/usr/sbin/ip');
export const systemctl = command('/usr/bin/systemctl');
export const detectVirt = command('/usr/bin/systemd-detect-virt');
