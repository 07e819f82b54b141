import type { Platform } from '../../collectors/check.ts';
import type { Hosts } from './cycle.ts';
import { fileCache } from './host-cache.ts';
import { createHost } from './host.ts';

const tables: Record<Platform, () => Promise<Hosts>> = {
  linux: async () => posixHosts('linux'),
  macos: async () => posixHosts('macos'),
  windows: async () => (await import('./host-windows.ts')).windowsHosts,
};

/** An operating system's way to its answers. Windows' is loaded on Windows only. */
export function loadHosts(platform: Platform): Promise<Hosts> {
  return tables[platform]();
}

function posixHosts(platform: Platform): Hosts {
  return ({ self, questions, cacheFolder, standBack }) => {
    const background = standBack === undefined ? {} : { standBack };
    // One for all: each check with a cache of its own would write over what the others had kept.
    const cache = fileCache(cacheFolder);
    return () => {
      const asked = questions(platform);
      return {
        openHost: (signal) => ({
          ...createHost({ self, questions: asked, platform, signal, ...background }),
          cache,
        }),
      };
    };
  };
}
