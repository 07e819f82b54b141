import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A Debian package and the file by which one sees that it is there. */
type Need = { package: string; file: string };

/** What the system tests use beyond npm packages. */
export const testNeeds: readonly Need[] = [
  { package: 'strace', file: '/usr/bin/strace' },
  { package: 'openssl', file: '/usr/bin/openssl' },
  { package: 'curl', file: '/usr/bin/curl' },
  { package: 'iproute2', file: '/usr/bin/ss' },
  { package: 'nftables', file: '/usr/sbin/nft' },
  { package: 'iputils-ping', file: '/usr/bin/ping' },
  { package: 'distro-info-data', file: '/usr/share/distro-info/debian.csv' },
  { package: 'util-linux', file: '/usr/bin/lsblk' },
  { package: 'gnome-keyring', file: '/usr/bin/gnome-keyring-daemon' },
  { package: 'dbus', file: '/usr/bin/dbus-run-session' },
  { package: 'freeradius', file: '/usr/sbin/freeradius' },
  { package: 'freeradius-rest', file: '/usr/lib/freeradius/rlm_rest.so' },
  { package: 'freeradius-utils', file: '/usr/bin/radclient' },
  { package: 'freeradius-ldap', file: '/usr/lib/freeradius/rlm_ldap.so' },
  { package: 'slapd', file: '/usr/sbin/slapd' },
  { package: 'systemd', file: '/lib/systemd/systemd' },
  { package: 'xl2tpd', file: '/usr/sbin/xl2tpd' },
  { package: 'strongswan-charon', file: '/usr/lib/ipsec/charon' },
  { package: 'strongswan-starter', file: '/usr/lib/ipsec/starter' },
  { package: 'swtpm', file: '/usr/bin/swtpm' },
  { package: 'tpm2-tools', file: '/usr/bin/tpm2' },
  { package: 'nmap', file: '/usr/bin/nmap' },
  { package: 'ike-scan', file: '/usr/bin/ike-scan' },
  { package: 'tcpdump', file: '/usr/bin/tcpdump' },
  // What a person sees: a display, a panel with its notification daemon, and what clicks there.
  { package: 'xvfb', file: '/usr/bin/Xvfb' },
  { package: 'xfwm4', file: '/usr/bin/xfwm4' },
  { package: 'xfce4-panel', file: '/usr/bin/xfce4-panel' },
  { package: 'xfce4-notifyd', file: '/usr/lib/x86_64-linux-gnu/xfce4/notifyd/xfce4-notifyd' },
  { package: 'xdotool', file: '/usr/bin/xdotool' },
  { package: 'xdg-utils', file: '/usr/bin/xdg-open' },
  // Packages: made and looked at.
  { package: 'binutils', file: '/usr/bin/strip' },
  { package: 'rpm', file: '/usr/bin/rpmbuild' },
  { package: 'wixl', file: '/usr/bin/wixl' },
  { package: 'msitools', file: '/usr/bin/msibuild' },
  { package: 'osslsigncode', file: '/usr/bin/osslsigncode' },
  { package: 'cpio', file: '/usr/bin/cpio' },
  { package: 'libarchive-tools', file: '/usr/bin/bsdtar' },
  { package: 'ansible-core', file: '/usr/bin/ansible-playbook' },
  { package: 'python3-apt', file: '/usr/lib/python3/dist-packages/apt/__init__.py' },
  // The executable for ARM, made and run here.
  { package: 'binutils-aarch64-linux-gnu', file: '/usr/bin/aarch64-linux-gnu-strip' },
  { package: 'qemu-user', file: '/usr/bin/qemu-aarch64' },
  { package: 'libstdc++6-arm64-cross', file: '/usr/aarch64-linux-gnu/lib/libstdc++.so.6' },
  { package: 'libatomic1-arm64-cross', file: '/usr/aarch64-linux-gnu/lib/libatomic.so.1' },
  // The tray's helpers for Windows and macOS, and what runs the former here.
  { package: 'clang', file: '/usr/bin/clang' },
  { package: 'lld', file: '/usr/bin/lld' },
  { package: 'llvm', file: '/usr/bin/llvm-nm' },
  { package: 'mingw-w64-common', file: '/usr/share/mingw-w64/include/windows.h' },
  { package: 'wine64', file: '/usr/lib/wine/wine64' },
  { package: 'chromium', file: '/usr/bin/chromium' },
  // The rig (docs/rig.md).
  { package: 'qemu-system-x86', file: '/usr/bin/qemu-system-x86_64' },
];

export const isRoot = process.getuid?.() === 0;

/** Installs what is missing where that is allowed; answers why not, one line a package, where it is not. */
export function install(needs: readonly Need[]): string[] {
  const missing = needs.filter((need) => !existsSync(need.file));
  if (missing.length === 0) return [];
  const names = missing.map((need) => need.package);
  if (!isRoot || !existsSync('/usr/bin/apt-get')) {
    const why = isRoot ? 'this is no Debian' : 'not root';
    return names.map((name) => `${name} is not installed (${why}; install it to run the tests that use it)`);
  }
  process.stderr.write(`Installing ${names.join(', ')} …\n`);
  apt('update', '-q');
  apt('install', '-qy', '--no-install-recommends', ...names);
  return missing
    .filter((need) => !existsSync(need.file))
    .map((need) => `${need.package} could not be installed`);
}

function apt(...argv: string[]) {
  const done = spawnSync('/usr/bin/apt-get', argv, {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 300_000,
  });
  if (done.status !== 0) process.stderr.write(`apt-get ${argv[0] ?? ''} failed\n`);
}
