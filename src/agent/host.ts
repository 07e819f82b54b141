import type { AgentSelf, Host, Platform, ProbeAnswer, Questions } from '../../collectors/check.ts';
import { run } from '../base/exec.ts';
import { ok } from '../base/result.ts';
import { fileCache, memoryCache } from './host-cache.ts';
import { listFolder, readTarget, readWhole, statusOf } from './host-files.ts';
import { runAs } from './run-as.ts';

export type HostOptions = {
  /** Asked at every use, since crashes and dropped reports change while the agent runs. */
  self: () => AgentSelf;
  questions: Questions;
  /** Where dear answers are kept between runs (a folder that only the agent's user can write); without it, in memory. */
  cacheFolder?: string;
  /** Decides how a program is run as another user; Linux' way without it. */
  platform?: Platform;
  /** Aborting ends every program that is still running for this host. */
  signal?: AbortSignal;
};

/** This very machine. */
export function createHost(options: HostOptions): Host {
  const { self, questions, cacheFolder, platform = 'linux', signal } = options;
  const ending = signal === undefined ? {} : { signal };
  return {
    isRoot: process.getuid?.() === 0,
    get self() {
      return self();
    },
    questions,
    cache: cacheFolder === undefined ? memoryCache() : fileCache(cacheFolder),
    run(command, argv, { as, ...limits } = {}) {
      const bounded = { ...limits, ...ending };
      return as === undefined ? run(command, argv, bounded) : runAs(platform, as, command, argv, bounded);
    },
    async readText(path) {
      const bytes = await readWhole(path);
      return bytes.ok ? ok(new TextDecoder().decode(bytes.value)) : bytes;
    },
    readBytes: readWhole,
    list: listFolder,
    readLink: readTarget,
    status: statusOf,
    probe: noProbe,
  };
}

/** Probes are the Windows document's (`host-windows.ts`); no other system has one. */
async function noProbe(): Promise<ProbeAnswer | null> {
  return null;
}
