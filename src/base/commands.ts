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
export const needrestart = command('/usr/sbin/needrestart');

// Linux: disks, sockets, services
export const lsblk = command('/usr/bin/lsblk');
export const cryptsetup = command('/usr/sbin/cryptsetup');
export const dmsetup = command('/usr/sbin/dmsetup');
export const zfs = command('/usr/sbin/zfs');
export const ss = command('/usr/bin/ss');
export const ip = command('/usr/sbin/ip');
export const systemctl = command('/usr/bin/systemctl');
export const detectVirt = command('/usr/bin/systemd-detect-virt');
export const uname = command('/usr/bin/uname');

// Linux: another user's point of view
export const runuser = command('/usr/sbin/runuser');
export const env = command('/usr/bin/env');
export const getent = command('/usr/bin/getent');

// macOS: the system itself
export const swVers = command('/usr/bin/sw_vers');
export const macUname = command('/usr/bin/uname');
export const sysctl = command('/usr/sbin/sysctl');
export const ioreg = command('/usr/sbin/ioreg');
export const plutil = command('/usr/bin/plutil');
export const defaults = command('/usr/bin/defaults');
export const softwareupdate = command('/usr/sbin/softwareupdate');
export const systemProfiler = command('/usr/sbin/system_profiler');
export const profiles = command('/usr/bin/profiles');
export const launchctl = command('/bin/launchctl');
export const macPs = command('/bin/ps');
export const macNetstat = command('/usr/sbin/netstat');
export const lsof = command('/usr/sbin/lsof');

// macOS: disks, firewall, start-up security, screen, network services
export const fdesetup = command('/usr/bin/fdesetup');
export const diskutil = command('/usr/sbin/diskutil');
export const socketfilterfw = command('/usr/libexec/ApplicationFirewall/socketfilterfw');
export const csrutil = command('/usr/bin/csrutil');
export const spctl = command('/usr/sbin/spctl');
export const mdmclient = command('/usr/libexec/mdmclient');
export const bputil = command('/usr/bin/bputil');
export const sysadminctl = command('/usr/sbin/sysadminctl');
export const pmset = command('/usr/bin/pmset');
export const scutil = command('/usr/sbin/scutil');
export const networksetup = command('/usr/sbin/networksetup');

// macOS: security products and their own status commands
export const xprotect = command('/usr/bin/xprotect');
export const systemextensionsctl = command('/usr/bin/systemextensionsctl');
export const falconctl = command('/Applications/Falcon.app/Contents/Resources/falconctl');
export const macMdatp = command('/usr/local/bin/mdatp');
export const macSentinelctl = command('/Library/Sentinel/sentinel-agent.bundle/Contents/MacOS/sentinelctl');
export const macCytool = command('/Library/Application Support/PaloAltoNetworks/Traps/bin/cytool');
