import type { Host, Platform } from '../../../collectors/check.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { VpnDriver } from './driver.ts';
import { nullDriver } from './null.ts';

export type DriverParts = {
  host: Host;
  /** Where a driver keeps what it needs to undo a change after a crash. */
  stateDir: string;
  clock: Clock;
  log: Logger;
};

/** A driver that was found by looking, and what it drives, in words. */
export type FoundDriver = { name: string; driver: VpnDriver };

type Way = {
  /** Whether orders touch the VPN unless the settings say otherwise: only where that was seen on the real system. */
  defaultMode: 'enforce' | 'observe';
  /** Looks for VPN software that it can drive; null where there is none. */
  find(parts: DriverParts): Promise<FoundDriver | null>;
};

const ways: Record<Platform, Way> = {
  linux: {
    defaultMode: 'enforce',
    async find({ stateDir, ...parts }) {
      const { linuxVpn } = await import('./linux.ts');
      return { name: 'linux', driver: linuxVpn({ ...parts, stateFolder: stateDir }) };
    },
  },
  windows: {
    defaultMode: 'observe',
    async find({ stateDir, ...parts }) {
      const { windowsVpn } = await import('./windows.ts');
      return { name: 'windows', driver: windowsVpn({ ...parts, stateFolder: stateDir }) };
    },
  },
  macos: {
    defaultMode: 'observe',
    async find(parts) {
      const { macosVpn } = await import('./macos.ts');
      return { name: 'macos', driver: macosVpn(parts) };
    },
  },
};

export type OpenedVpn = FoundDriver & Pick<Way, 'defaultMode'>;

/** The way to this computer's VPN client; one that says so where nothing was found. */
export async function openVpn(platform: Platform, parts: DriverParts): Promise<OpenedVpn> {
  const { defaultMode, find } = ways[platform];
  const found = await find(parts);
  return { ...(found ?? { name: 'none', driver: nullDriver }), defaultMode };
}
