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
export const dnf = command('/usr/bin/dnf');
export const dnf5 = command('/usr/bin/dnf5');
export const yum = command('/usr/bin/yum');
export const needsRestarting = command('/usr/bin/needs-restarting');
export const rpm = command('/usr/bin/rpm');
export const zypper = command('/usr/bin/zypper');
export const pacman = command('/usr/bin/pacman');
export const rpmOstree = command('/usr/bin/rpm-ostree');

// Linux: disks, sockets, services
export const lsblk = command('/usr/bin/lsblk');
export const cryptsetup = command('/usr/sbin/cryptsetup');
export const dmsetup = command('/usr/sbin/dmsetup');
export const zfs = command('/usr/sbin/zfs');
export const zpool = command('/usr/sbin/zpool');
export const ss = command('/usr/bin/ss');
export const ip = command('/usr/sbin/ip');
export const systemctl = command('/usr/bin/systemctl');
export const systemdNotify = command('/usr/bin/systemd-notify');
export const detectVirt = command('/usr/bin/systemd-detect-virt');
export const uname = command('/usr/bin/uname');

// Linux: another user's point of view
export const runuser = command('/usr/sbin/runuser');
export const env = command('/usr/bin/env');
export const getent = command('/usr/bin/getent');

// Linux: firewall
export const nft = command('/usr/sbin/nft');
export const iptablesSave = command('/usr/sbin/iptables-save');
export const ip6tablesSave = command('/usr/sbin/ip6tables-save');
export const iptablesLegacySave = command('/usr/sbin/iptables-legacy-save');
export const ip6tablesLegacySave = command('/usr/sbin/ip6tables-legacy-save');
export const ufw = command('/usr/sbin/ufw');
export const firewallCmd = command('/usr/bin/firewall-cmd');

// Linux: sessions, screen lock, start-up security
export const busctl = command('/usr/bin/busctl');
export const loginctl = command('/usr/bin/loginctl');
export const gsettings = command('/usr/bin/gsettings');
export const mokutil = command('/usr/bin/mokutil');

// Linux: where the device's keys are kept
export const tpm2 = command('/usr/bin/tpm2');
export const systemdCreds = command('/usr/bin/systemd-creds');

// Linux: the person's browser, started by the tray with the rights and the environment of that person's session
export const gtkLaunch = command('/usr/bin/gtk-launch');
export const xdgOpen = command('/usr/bin/xdg-open');

// Linux: VPN clients
export const nmcli = command('/usr/bin/nmcli');
export const swanctl = command('/usr/sbin/swanctl');
export const ipsec = command('/usr/sbin/ipsec');
export const xl2tpd = command('/usr/sbin/xl2tpd');
export const resolvectl = command('/usr/bin/resolvectl');

// Linux: the VPN gateway’s RADIUS server, for its version
export const freeradius = command('/usr/sbin/freeradius');

// Linux: a bounded piece of a file that is too long to be read whole
export const head = command('/usr/bin/head');
export const tail = command('/usr/bin/tail');

// Linux: security products and their own status commands
export const mdatp = command('/usr/bin/mdatp');
export const linuxFalconctl = command('/opt/CrowdStrike/falconctl');
export const sentinelctl = command('/opt/sentinelone/bin/sentinelctl');
export const clamdscan = command('/usr/bin/clamdscan');
export const clamscan = command('/usr/bin/clamscan');
export const bduitool = command('/opt/bitdefender-security-tools/bin/bduitool');
export const cytool = command('/opt/traps/bin/cytool');
export const esetEndpointUpd = command('/opt/eset/eea/bin/upd');
export const esetServerUpd = command('/opt/eset/efs/bin/upd');
export const elasticAgent = command('/usr/bin/elastic-agent');

// macOS: the system itself
export const macOpen = command('/usr/bin/open');
export const swVers = command('/usr/bin/sw_vers');
export const sysctl = command('/usr/sbin/sysctl');
export const ioreg = command('/usr/sbin/ioreg');
export const plutil = command('/usr/bin/plutil');
export const defaults = command('/usr/bin/defaults');
export const softwareupdate = command('/usr/sbin/softwareupdate');
export const systemProfiler = command('/usr/sbin/system_profiler');
export const profiles = command('/usr/bin/profiles');
export const pkgutil = command('/usr/sbin/pkgutil');
export const launchctl = command('/bin/launchctl');
export const dscacheutil = command('/usr/bin/dscacheutil');
export const sudo = command('/usr/bin/sudo');
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
export const security = command('/usr/bin/security');
export const pfctl = command('/sbin/pfctl');

// macOS: security products and their own status commands
export const xprotect = command('/usr/bin/xprotect');
export const systemextensionsctl = command('/usr/bin/systemextensionsctl');
export const falconctl = command('/Applications/Falcon.app/Contents/Resources/falconctl');
export const macMdatp = command('/usr/local/bin/mdatp');
export const macSentinelctl = command('/Library/Sentinel/sentinel-agent.bundle/Contents/MacOS/sentinelctl');
export const macCytool = command('/Library/Application Support/PaloAltoNetworks/Traps/bin/cytool');

// Windows: the programs of the system itself (C: unless somebody moved it, which Windows has not offered for decades)
export const powershell = command('C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe');
/** Started by our own PowerShell script, which ends VPN sessions. */
export const rasdial = command('C:\\Windows\\System32\\rasdial.exe');
export const reg = command('C:\\Windows\\System32\\reg.exe');
export const explorer = command('C:\\Windows\\explorer.exe');
export const netsh = command('C:\\Windows\\System32\\netsh.exe');
export const icacls = command('C:\\Windows\\System32\\icacls.exe');
export const sc = command('C:\\Windows\\System32\\sc.exe');
export const tasklist = command('C:\\Windows\\System32\\tasklist.exe');
export const taskkill = command('C:\\Windows\\System32\\taskkill.exe');
export const whoami = command('C:\\Windows\\System32\\whoami.exe');
