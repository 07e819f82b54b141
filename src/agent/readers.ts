import type { Host, Platform } from '../../collectors/check.ts';
import { checkIds, type CheckId, type Readers } from '../../collectors/specs.ts';

const tables: Record<Platform, () => Promise<Readers>> = {
  linux: async () => (await import('../../collectors/linux.ts')).linux,
  macos: async () => (await import('../../collectors/macos.ts')).macos,
  windows: async () => (await import('../../collectors/windows.ts')).windows,
};

/**
 * An operating system's readers. The other systems' are not even loaded, and its own, in a packaged agent, lie in memory
 * only around the time when they read.
 */
export async function loadReaders(platform: Platform): Promise<Readers> {
  const load = tables[platform];
  const reader = (id: CheckId) => async (host: Host) => (await load())[id](host);
  // Each reads what the table's reader of the same name reads; entries cannot say so.
  return Object.fromEntries(checkIds.map((id) => [id, reader(id)])) as unknown as Readers;
}
