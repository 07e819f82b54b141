import type { AgentSelf, Host } from '../../collectors/check.ts';
import { fileCache } from './host-cache.ts';
import { createHost } from './host.ts';

/** Makes a door to this machine for one check; aborting the signal ends the programs that the check has started. */
export type OpenHost = (signal: AbortSignal) => Host;

/** `cacheFolder` is where dear answers are kept between runs; where it is not there, they are kept in memory. */
export function hostOpener(self: () => AgentSelf, cacheFolder: string): OpenHost {
  // One for all: each check with a cache of its own would write over what the others had kept.
  const cache = fileCache(cacheFolder);
  return (signal) => ({ ...createHost({ self, questions: { watch: [] }, signal }), cache });
}
