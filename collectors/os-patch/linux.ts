import { unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { families, readOsRelease } from '../linux-os-release.ts';
import { readApt } from './linux-apt.ts';
import { readDnf } from './linux-dnf.ts';
import { readNix } from './linux-nix.ts';
import { readOstree } from './linux-ostree.ts';
import { readPacman } from './linux-pacman.ts';
import { readZypper } from './linux-zypper.ts';
import type { OsPatch } from './spec.ts';

type Manager = {
  /** Distributions whose own manager it is, by ID or ID_LIKE: another one may be installed as a mere tool. */
  families: readonly string[];
  /** Null when it is not this system's. */
  read: (host: Host, family: readonly string[]) => Promise<Observed<OsPatch> | null>;
};

/** In this order where no family matches; an image-based system has dnf as well, which says nothing there. */
const managers: readonly Manager[] = [
  { families: ['fedora', 'rhel', 'centos'], read: readOstree },
  { families: ['debian', 'ubuntu'], read: readApt },
  { families: ['fedora', 'rhel', 'centos', 'amzn', 'ol', 'mageia', 'openEuler'], read: readDnf },
  {
    families: ['suse', 'opensuse', 'sles', 'sled'],
    read: (host, family) => readZypper(host, isRolling(family)),
  },
  { families: ['arch'], read: readPacman },
  { families: ['nixos'], read: readNix },
];

export async function read(host: Host): Promise<Observed<OsPatch>> {
  const release = await readOsRelease(host);
  const family = release.ok ? families(release.value) : [];
  for (const manager of inOrder(family)) {
    const reading = await manager.read(host, family);
    if (reading !== null) return reading;
  }
  return unknown(
    'unsupported',
    `no package manager that this agent knows (${family[0] ?? 'unknown distribution'})`,
  );
}

function inOrder(family: readonly string[]): Manager[] {
  const isOwn = (manager: Manager) => manager.families.some((name) => family.includes(name));
  return [...managers.filter(isOwn), ...managers.filter((manager) => !isOwn(manager))];
}

function isRolling([id = '']: readonly string[]): boolean {
  return /^opensuse-(?:tumbleweed|slowroll|microos)$/.test(id);
}
