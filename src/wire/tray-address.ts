import type { Platform } from '../../collectors/check.ts';

/** The folder in which the service's sockets lie: one folder a user, which only that user (and root) can enter. */
const FOLDERS: Record<Exclude<Platform, 'windows'>, string> = {
  linux: '/run/drawbridge',
  macos: '/var/run/drawbridge',
};

export function serviceTrayFolder(platform: Exclude<Platform, 'windows'>): string {
  return FOLDERS[platform];
}

/** A user's own socket, by the numeric id. A path may have 103 bytes at most (macOS). */
export function traySocket(folder: string, uid: number): string {
  return `${folder}/${uid}/tray.sock`;
}

/** Windows: one pipe for all, on which both sides prove that they know the user's secret before anything is said. */
export const TRAY_PIPE = '\\\\.\\pipe\\drawbridge-tray';

export function traySecretFile(sid: string): string {
  return `C:\\ProgramData\\Drawbridge\\users\\${sid}\\secret`;
}
