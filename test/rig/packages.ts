/** What the guest consists of, by Debian package. Dependencies are worked out by apt. */
const system = [
  'base-files',
  'base-passwd',
  'bash',
  'busybox-static',
  'coreutils',
  'curl',
  'dash',
  'diffutils',
  'findutils',
  'gawk',
  'grep',
  'gzip',
  'hostname',
  'iproute2',
  'iputils-ping',
  'kmod',
  'less',
  'libatomic1',
  'libc-bin',
  'libstdc++6',
  'login',
  'mount',
  'netbase',
  'openssl',
  'procps',
  'psmisc',
  'sed',
  'strace',
  'tar',
  'tcpdump',
  'util-linux',
];
const services = ['dbus', 'dbus-daemon', 'systemd', 'systemd-sysv', 'udev'];
const disks = ['cryptsetup-bin', 'dmsetup', 'e2fsprogs', 'lvm2'];
const vpn = ['nftables', 'iptables', 'network-manager', 'network-manager-l2tp', 'ppp', 'xl2tpd'];
const radius = ['freeradius', 'freeradius-rest', 'freeradius-utils'];
const strongSwan = [
  'libstrongswan-standard-plugins',
  'strongswan-charon',
  'strongswan-libcharon',
  'strongswan-starter',
  'strongswan-swanctl',
];

/** Every package set that is resolved by itself: two IPsec implementations cannot be installed side by side. */
export const packageSets = {
  system: [...system, ...services, ...disks, ...vpn, ...radius, ...strongSwan],
  libreswan: ['libreswan'],
  kernel: ['linux-image-amd64'],
} as const;

export const umlPackages = ['user-mode-linux'] as const;

/** Folders of the guest's root. A node's root is `base` with one of the other two, or none, on top. */
export const layers = ['base', 'strongswan', 'libreswan'] as const;
export type Layer = (typeof layers)[number];

/** The layer that a package of the system set is unpacked into. */
export function layerOf(packageFile: string): Layer {
  return /^(lib)?strongswan|^libcharon/.test(packageFile) ? 'strongswan' : 'base';
}

/** Kernel modules, as folders or files below `kernel/`, that the guest can load. */
export const moduleFolders = [
  'arch/x86',
  'crypto',
  'drivers/block',
  'drivers/char',
  'drivers/md',
  'drivers/net',
  'drivers/virtio',
  'fs/9p',
  'fs/ext4',
  'fs/fscache',
  'fs/fuse',
  'fs/jbd2',
  'fs/mbcache.ko',
  'fs/netfs',
  'fs/overlayfs',
  'lib',
  'net',
];

/** What is loaded before there is a root, in this order. */
export const bootModules = [
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci',
  'drivers/char/virtio_console',
  'drivers/block/virtio_blk',
  'crypto/crc32c_generic',
  'lib/crc16',
  'fs/mbcache',
  'fs/jbd2/jbd2',
  'fs/ext4/ext4',
  'fs/netfs/netfs',
  'fs/fscache/fscache',
  'net/9p/9pnet',
  'net/9p/9pnet_virtio',
  'fs/9p/9p',
  'fs/overlayfs/overlay',
];
