import type { AgentSelf, Host, Platform, ProbeAnswer, Questions } from '../../collectors/check.ts';
import { nmcli, swanctl, type Command } from '../base/commands.ts';
import { run, type Output, type RunOptions } from '../base/exec.ts';
import { ok } from '../base/result.ts';
import { askCharon } from './charon.ts';
import { fileCache, memoryCache } from './host-cache.ts';
import { listFolder, readTarget, readWhole, statusOf } from './host-files.ts';
import { askNetworkManager } from './network-manager.ts';
import { runAs } from './run-as.ts';

export type HostOptions = {
  /** Asked at every use, since crashes and dropped reports change while the agent runs. */
  self: () => AgentSelf;
  questions: Questions;
  /** Where dear answers are kept between runs (a folder that only the agent's user can write); without it, in memory. */
  cacheFolder?: string;
  /** Decides how a program is run as another user; Linux' way without it. */
  platform?: Platform;
  /** Given where nobody waits for the answers: awaited before each program, which then runs behind all others. */
  standBack?: () => Promise<void>;
  /** Aborting ends every program that is still running for this host. */
  signal?: AbortSignal;
};

/** Of programs that only look: a tenth of the time that another one gets on a busy computer. */
const NICENESS = 10;

/** This very machine. */
export function createHost(options: HostOptions): Host {
  const { self, questions, cacheFolder, platform = 'linux', signal, standBack } = options;
  const always = {
    ...(signal === undefined ? {} : { signal }),
    ...(standBack === undefined ? {} : { niceness: NICENESS }),
  };
  return {
    isRoot: process.getuid?.() === 0,
    get self() {
      return self();
    },
    questions,
    cache: cacheFolder === undefined ? memoryCache() : fileCache(cacheFolder),
    async run(command, argv, { as, ...limits } = {}) {
      await standBack?.();
      const bounded = { ...limits, ...always };
      if (as !== undefined) return runAs(platform, as, command, argv, bounded);
      return (await askDaemon(command, argv, bounded)) ?? run(command, argv, bounded);
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

/** What a program would ask a daemon can be asked without it; null where the program has to be started. */
async function askDaemon(
  command: Command,
  argv: readonly string[],
  options: RunOptions,
): Promise<Output | null> {
  if (command === swanctl) return askCharon(argv, options);
  return command === nmcli ? askNetworkManager(argv, options) : null;
}

/** Probes are the Windows document's (`host-windows.ts`); no other system has one. */
async function noProbe(): Promise<ProbeAnswer | null> {
  return null;
}
