import type { FileVaultStatus } from './macos-fdesetup.ts';
import type { ApfsVolume, Volume } from './macos-volumes.ts';
import type { DiskEncryption } from './spec.ts';

/** The list names roles, the mounted volumes know where they are mounted. */
export function merge(listed: readonly ApfsVolume[], mounted: readonly ApfsVolume[]): ApfsVolume[] {
  const merged = listed.map((volume) => {
    const twin = mounted.find((one) => one.device === volume.device);
    return twin ? { ...volume, mount: twin.mount ?? volume.mount } : volume;
  });
  return [...merged, ...mounted.filter((one) => !listed.some((volume) => volume.device === one.device))];
}

/**
 * The volumes that hold the running system and its users' data. Preboot, Recovery, VM and their like are plain by
 * design (the kernel encrypts what it swaps out by itself), and an external disk may hold a system of its own.
 */
function essential(volumes: readonly ApfsVolume[]): ApfsVolume[] {
  const startup = volumes.find((volume) => volume.mount === '/System/Volumes/Data' || volume.mount === '/');
  const here = volumes.filter((volume) => !startup || container(volume) === container(startup));
  const byRole = here.filter((volume) => volume.roles.includes('System') || volume.roles.includes('Data'));
  // Before 10.15 one volume without a role held both.
  return byRole.length > 0 || !startup ? byRole : [startup];
}

function container(volume: ApfsVolume): string {
  return volume.device.replace(/s\d+$/, '');
}

/** Null when neither source says anything. Where they disagree, the worse counts. */
export function judge(
  volumes: readonly ApfsVolume[],
  status: FileVaultStatus | null,
): DiskEncryption['system'] | null {
  const ours = essential(volumes);
  if (ours.some((volume) => volume.migrating) || status?.unfinished === true) return 'converting';
  if (status?.on === false) return 'plain';
  if (ours.length === 0) return status ? 'encrypted' : null;
  if (ours.every((volume) => volume.fileVault)) return 'encrypted';
  return ours.some((volume) => volume.fileVault) ? 'mixed' : 'plain';
}

/** `status` and `protectors` speak of the startup disk only. */
export function factsOf(
  volumes: readonly ApfsVolume[],
  status: FileVaultStatus | null,
  protectors: string[] | null,
): Volume[] {
  const ours = new Set(essential(volumes));
  return volumes.map((volume) => {
    const isOurs = ours.has(volume);
    const fact = factOf(volume, isOurs, isOurs ? status : null);
    return isOurs && volume.fileVault ? { ...fact, keyProtectors: protectors } : fact;
  });
}

function factOf(volume: ApfsVolume, ours: boolean, status: FileVaultStatus | null): Volume {
  const converting = volume.converting ?? status?.converting ?? null;
  const partial = volume.migrating || converting !== null;
  return {
    id: volume.device,
    mount: volume.mount,
    role: roleOf(volume, ours),
    encrypted: partial ? 'partial' : volume.fileVault ? 'yes' : 'no',
    protection: protectionOf(volume, partial),
    method: volume.fileVault || partial ? 'filevault' : null,
    converting,
    percent: volume.percent ?? (partial ? (status?.percent ?? null) : null),
    keyProtectors: null,
  };
}

function roleOf({ roles }: ApfsVolume, ours: boolean): Volume['role'] {
  if (roles.includes('Preboot') || roles.includes('Recovery')) return 'boot';
  if (!ours) return 'other';
  return roles.includes('Data') ? 'data' : 'system';
}

function protectionOf(volume: ApfsVolume, partial: boolean): Volume['protection'] {
  if (volume.locked) return 'locked';
  return volume.fileVault && !partial ? 'on' : 'off';
}
