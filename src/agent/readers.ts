import type { Platform } from '../../collectors/check.ts';
import type { Readers } from '../../collectors/specs.ts';

const tables: Record<Platform, () => Promise<Readers>> = {
  linux: async () => (await import('../../collectors/linux.ts')).linux,
  macos: async () => (await import('../../collectors/macos.ts')).macos,
  windows: async () => (await import('../../collectors/windows.ts')).windows,
};

/** An operating system's readers. The other systems' are not even loaded. */
export function loadReaders(platform: Platform): Promise<Readers> {
  return tables[platform]();
}
