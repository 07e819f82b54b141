import type { Platform } from '../../../collectors/check.ts';
import type { Isolation, IsolationHost } from './isolation.ts';

const tables: Record<Platform, () => Promise<(host: IsolationHost) => Isolation>> = {
  linux: async () => (await import('./isolation-linux.ts')).linuxIsolation,
  windows: async () => {
    const { windowsIsolation } = await import('./isolation-windows.ts');
    return (host) => windowsIsolation(host);
  },
  macos: async () => (await import('./isolation-macos.ts')).macosIsolation,
};

/** The way in which an operating system cuts itself off. */
export async function loadIsolation(platform: Platform, host: IsolationHost): Promise<Isolation> {
  return (await tables[platform]())(host);
}
