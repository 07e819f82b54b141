import { at, flagOf, isDictionary, itemsOf, textOf } from '../macos-values.ts';
import type { Fact } from '../specs.ts';

export type Volume = Fact<'disk-encryption'>['volumes'][number];

/** What `diskutil` says of one APFS volume, before anyone judged it. */
export type ApfsVolume = {
  /** `disk3s1`; a mounted snapshot (`disk3s1s1`) goes by its volume's name. */
  device: string;
  roles: readonly string[];
  mount: string | null;
  fileVault: boolean;
  locked: boolean;
  /** A conversion runs, in whichever direction. */
  migrating: boolean;
  converting: 'encrypting' | 'decrypting' | null;
  percent: number | null;
};

/** `diskutil apfs list -plist`. Volumes without a `FileVault` key (older than 10.14) say nothing and are left out. */
export function parseApfsList(list: unknown): ApfsVolume[] {
  return itemsOf(at(list, 'Containers')).flatMap((container) =>
    itemsOf(at(container, 'Volumes')).flatMap((volume) => {
      const roles = itemsOf(at(volume, 'Roles')).flatMap((role) => textOf(role) ?? []);
      return apfsVolume(volume, roles, textOf(at(volume, 'MountPoint')));
    }),
  );
}

/** Who can open a volume, by Apple's words for the kind of user. */
const PROTECTORS: Record<string, string> = {
  LocalOpenDirectory: 'password',
  PersonalRecovery: 'recovery',
  InstitutionalRecovery: 'institutional-recovery',
  iCloudRecovery: 'icloud-recovery',
  MDMRecovery: 'bootstrap-token',
};

/** `diskutil apfs listUsers / -plist` as kinds, each once; null when it is not that list. */
export function parseProtectors(list: unknown): string[] | null {
  const users = at(list, 'Users');
  if (!Array.isArray(users)) return null;
  const kinds = users.map((user: unknown) => PROTECTORS[String(at(user, 'APFSCryptoUserType'))] ?? 'other');
  return [...new Set(kinds)];
}

/** `diskutil info -plist <mount>`: one volume; failures are a list as well, with `Error` in it. */
export function parseDiskInfo(info: unknown): ApfsVolume | null {
  if (!isDictionary(info) || flagOf(info['Error']) === true) return null;
  const mount = textOf(info['MountPoint']);
  const role = mount === null ? undefined : ROLE_BY_MOUNT[mount];
  return apfsVolume(info, role === undefined ? [] : [role], mount)[0] ?? null;
}

const ROLE_BY_MOUNT: Record<string, string> = { '/': 'System', '/System/Volumes/Data': 'Data' };

/**
 * `FileVault` alone decides: on Apple silicon and T2 `Encryption` is true of every internal volume, but without
 * FileVault its key needs no password.
 */
function apfsVolume(volume: unknown, roles: readonly string[], mount: string | null): ApfsVolume[] {
  const device = deviceOf(textOf(at(volume, 'DeviceIdentifier')));
  const fileVault = flagOf(at(volume, 'FileVault'));
  if (device === null || fileVault === null) return [];
  const locked = flagOf(at(volume, 'Locked')) === true;
  const migrating = flagOf(at(volume, 'CryptoMigrationOn')) === true;
  return [{ device, roles, mount, fileVault, locked, migrating, converting: null, percent: null }];
}

function deviceOf(identifier: string | null): string | null {
  return /^(disk\d+s\d+)(?:s\d+)?$/.exec(identifier ?? '')?.[1] ?? null;
}
