import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { askExtraRows, askRows } from '../windows-probe.ts';
import type { DiskEncryption } from './spec.ts';
import {
  encryptableVolume,
  FULLY_ENCRYPTED,
  LOCKED,
  METHODS,
  mountedVolume,
  NO_METHOD,
  ON,
  PROTECTORS,
  type EncryptableVolume,
  type MountedVolume,
} from './windows-bitlocker.ts';

type Volume = DiskEncryption['volumes'][number];

export async function read(host: Host): Promise<Observed<DiskEncryption>> {
  const encryptable = await askRows(host, 'encryptableVolumes', encryptableVolume);
  if (!encryptable.ok) return encryptable.error;
  return judge(encryptable.value, await askExtraRows(host, 'volumes', mountedVolume));
}

function judge(
  encryptable: readonly EncryptableVolume[],
  mounted: readonly MountedVolume[],
): Observed<DiskEncryption> {
  // Some releases answer an empty list where the feature is absent, so it is never "nothing to encrypt".
  if (encryptable.length === 0)
    return unknown('not-installed', 'encryptableVolumes: BitLocker lists no volume');
  const volumes: Volume[] = [];
  for (const [index, volume] of encryptable.slice(0, 200).entries()) {
    const role = roleOf(volume, partnerOf(volume, mounted));
    const state = stateOf(volume);
    if (state) volumes.push({ ...describe(volume, index), ...state, role });
    else if (isCounted(role))
      return unknown('unparsable', `encryptableVolumes: the ${role} volume’s state is not stated`);
  }
  const counted = volumes.filter((volume) => isCounted(volume.role));
  if (!counted.some((volume) => volume.role === 'system'))
    return unknown('unparsable', 'encryptableVolumes: none of them holds Windows');
  return known({ system: summarize(counted), volumes });
}

function isCounted(role: Volume['role']): boolean {
  return role === 'system' || role === 'data';
}

/** Letters may move and folder mounts have none, so the device's id comes first. */
function partnerOf(volume: EncryptableVolume, mounted: readonly MountedVolume[]): MountedVolume | undefined {
  const id = volume.DeviceID?.toLowerCase();
  const byId = id === undefined ? undefined : mounted.find((one) => one.DeviceID?.toLowerCase() === id);
  if (byId || volume.DriveLetter === null) return byId;
  return mounted.find((one) => one.DriveLetter?.toLowerCase() === volume.DriveLetter?.toLowerCase());
}

function roleOf(volume: EncryptableVolume, partner: MountedVolume | undefined): Volume['role'] {
  if (partner?.DriveType === 2 || volume.VolumeType === 2) return 'removable';
  if (partner?.BootVolume === true || volume.VolumeType === 0) return 'system';
  if (partner?.SystemVolume === true) return 'boot';
  if (volume.DriveLetter === null && isMountedNowhere(partner)) return 'other';
  return volume.VolumeType === 1 ? 'data' : roleOfLetter(volume.DriveLetter, partner);
}

/** As the recovery partition is, which is plain by design; a data volume has a letter or a folder. */
function isMountedNowhere(partner: MountedVolume | undefined): boolean {
  return partner !== undefined && partner.Name !== null && partner.Name === partner.DeviceID;
}

/** Before Windows 8 there is no VolumeType. Windows nearly always runs from C:, unless Win32_Volume says otherwise. */
function roleOfLetter(letter: string | null, partner: MountedVolume | undefined): Volume['role'] {
  if (letter === null) return partner?.Name ? 'data' : 'other';
  return letter.toUpperCase() === 'C:' && partner === undefined ? 'system' : 'data';
}

function describe(
  volume: EncryptableVolume,
  index: number,
): Pick<Volume, 'id' | 'mount' | 'method' | 'keyProtectors'> {
  const {
    DeviceID: id,
    DriveLetter: letter,
    EncryptionMethod: method,
    KeyProtectorTypes: protectors,
  } = volume;
  const kinds = protectors?.map((kind) => PROTECTORS[kind ?? 0] ?? 'other') ?? null;
  return {
    id: id ?? letter ?? `volume-${index + 1}`,
    mount: letter,
    method: (method === null ? null : METHODS[method]) ?? null,
    keyProtectors: kinds === null ? null : [...new Set(kinds)],
  };
}

/** Null when the volume's state was not stated in full: half of it would be a guess about the other half. */
function stateOf(
  volume: EncryptableVolume,
): Pick<Volume, 'encrypted' | 'protection' | 'converting' | 'percent'> | null {
  const encrypted = encryptedOf(volume);
  const protection = encrypted === null ? null : protectionOf(volume, encrypted);
  if (encrypted === null || protection === null) return null;
  const converting = CONVERTING[volume.ConversionStatus ?? 0] ?? null;
  const percent = volume.EncryptionPercentage;
  const isShare = converting !== null && percent !== null && percent >= 0 && percent <= 100;
  return { encrypted, protection, converting, percent: isShare ? percent : null };
}

const CONVERTING: Readonly<Record<number, Volume['converting']>> = {
  2: 'encrypting',
  3: 'decrypting',
  4: 'paused',
  5: 'paused',
};

/**
 * By ConversionStatus alone: the percentage is rounded and reaches 100 before the work is done, and protection has been
 * seen on while encryption was still in progress.
 */
function encryptedOf(volume: EncryptableVolume): Volume['encrypted'] | null {
  const { ConversionStatus: conversion } = volume;
  if (conversion === 0) return 'no';
  if (conversion === FULLY_ENCRYPTED) return 'yes';
  if (conversion !== null) return conversion in CONVERTING ? 'partial' : null;
  // A locked volume answers nothing else, and only an encrypted one can be locked.
  if (isLocked(volume)) return 'yes';
  return volume.EncryptionMethod === NO_METHOD ? 'no' : null;
}

function isLocked(volume: EncryptableVolume): boolean {
  return volume.LockStatus === 1 || volume.ProtectionStatus === LOCKED;
}

/** Off on a fully encrypted volume means that its key lies on the disk in the clear: suspended. */
function protectionOf(
  volume: EncryptableVolume,
  encrypted: Volume['encrypted'],
): Volume['protection'] | null {
  if (isLocked(volume)) return 'locked';
  if (volume.ProtectionStatus === ON) return 'on';
  if (encrypted !== 'yes') return 'off';
  return volume.ProtectionStatus === 0 ? 'suspended' : null;
}

function summarize(counted: readonly Volume[]): DiskEncryption['system'] {
  const states = new Set(counted.map((volume) => volume.encrypted));
  if (states.has('no')) return states.size === 1 ? 'plain' : 'mixed';
  if (states.has('partial')) return 'converting';
  return counted.some((volume) => volume.protection === 'suspended') ? 'unprotected' : 'encrypted';
}
