import { diskutil, fdesetup } from '../../src/base/commands.ts';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { runPlist, unanswered } from '../macos-read.ts';
import type { Fact } from '../specs.ts';
import { parseApfsText } from './macos-apfs-text.ts';
import { parseFdesetup, type FileVaultStatus } from './macos-fdesetup.ts';
import { parseApfsList, parseDiskInfo, type ApfsVolume, type Volume } from './macos-volumes.ts';

type System = Fact<'disk-encryption'>['system'];

const MAX_VOLUMES = 200;

/** `diskutil` knows each volume, `fdesetup` what is still under way; either alone is enough for an answer. */
export async function read(host: Host): Promise<Observed<Fact<'disk-encryption'>>> {
  const mounted = await readMounted(host);
  const listed = await readList(host);
  const answer = await host.run(fdesetup, ['status']);
  const status = answer.code === null ? null : parseFdesetup(answer.stdout);
  const volumes = merge(listed, mounted);
  const system = judge(essential(volumes), status);
  if (!system) return unanswered('fdesetup status', answer);
  const facts = volumes.map((volume) => factOf(volume, essential(volumes), status));
  return known({ system, volumes: facts.slice(0, MAX_VOLUMES) });
}

async function readMounted(host: Host): Promise<ApfsVolume[]> {
  const infos = await Promise.all(
    ['/System/Volumes/Data', '/'].map((mount) => runPlist(host, diskutil, ['info', '-plist', mount])),
  );
  return infos.flatMap((info) => parseDiskInfo(info) ?? []);
}

async function readList(host: Host): Promise<ApfsVolume[]> {
  const list = parseApfsList(await runPlist(host, diskutil, ['apfs', 'list', '-plist']));
  if (list.length > 0) return list;
  const text = await host.run(diskutil, ['apfs', 'list']);
  return text.code === 0 ? parseApfsText(text.stdout) : [];
}

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
export function essential(volumes: readonly ApfsVolume[]): ApfsVolume[] {
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
export function judge(volumes: readonly ApfsVolume[], status: FileVaultStatus | null): System | null {
  if (volumes.some((volume) => volume.migrating) || status?.unfinished === true) return 'converting';
  if (status?.on === false) return 'plain';
  if (volumes.length === 0) return status ? 'encrypted' : null;
  if (volumes.every((volume) => volume.fileVault)) return 'encrypted';
  return volumes.some((volume) => volume.fileVault) ? 'mixed' : 'plain';
}

function factOf(volume: ApfsVolume, judged: readonly ApfsVolume[], status: FileVaultStatus | null): Volume {
  const ours = judged.includes(volume);
  // `fdesetup` speaks of the startup disk only.
  const converting = volume.converting ?? (ours ? (status?.converting ?? null) : null);
  const partial = volume.migrating || converting !== null;
  return {
    id: volume.device,
    mount: volume.mount,
    role: roleOf(volume, ours),
    encrypted: partial ? 'partial' : volume.fileVault ? 'yes' : 'no',
    protection: protectionOf(volume, partial),
    method: volume.fileVault || partial ? 'filevault' : null,
    converting,
    percent: volume.percent ?? (ours && partial ? (status?.percent ?? null) : null),
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
