import { readdirSync } from 'node:fs';
import type { Host, ProbeAnswer, Questions } from '../../collectors/check.ts';
import { windowsCycle, type ProbeLookup } from '../../collectors/windows-cycle.ts';
import { registryProbes } from '../../collectors/windows-registry.ts';
import type { ReadPart } from '../../collectors/windows-script.ts';
import { readAsset } from '../base/assets.ts';
import { fileCache } from './host-cache.ts';
import { createHost } from './host.ts';
import type { CycleKind, Hosts, HostsOptions, OpenCycle } from './cycle.ts';
import { createUpdates, type Updates } from './windows-updates.ts';

/** What a test replaces: the way to programs, and the files of the script. */
export type WindowsDoors = {
  run?: (signal: AbortSignal) => Host['run'];
  readPart?: ReadPart;
};

/**
 * Windows answers most questions through PowerShell, whose start costs more than the questions: there is one process
 * a cycle, started when the first check needs it. The update service has a schedule of its own.
 */
export const windowsHosts: Hosts = (options) => openWindows(options);

export function openWindows(options: HostsOptions, doors: WindowsDoors = {}): OpenCycle {
  const { self, questions, cacheFolder, clock, updates: schedule } = options;
  const { readPart = readShippedPart } = doors;
  const cache = fileCache(cacheFolder);
  const isRoot = isElevated();
  const updates = createUpdates({ folder: cacheFolder, schedule, clock, readPart });
  const documents = createDocuments(readPart);

  const hostFor = (signal: AbortSignal, asked: Questions): Host => {
    const host = createHost({ self, questions: asked, platform: 'windows', signal });
    return { ...host, cache, isRoot, run: doors.run?.(signal) ?? host.run };
  };
  return (kind, signal) => {
    // By the cycle's signal: a check that is out of time must not take the answers from all the others.
    const asked = questions('windows');
    const shared = hostFor(signal, asked);
    const probe = probesOf(
      once(() => documents.read(kind, shared)),
      updates,
      shared,
    );
    return {
      openHost: (own) => ({ ...hostFor(own, asked), probe }),
      async prepare() {
        if (kind === 'full') void updates.refresh(shared);
        await probe('currentVersion').catch(() => null);
      },
    };
  };
}

function probesOf(document: () => Promise<ProbeLookup>, updates: Updates, host: Host): Host['probe'] {
  return async (name) => (updates.has(name) ? updates.answer(name, host) : (await document())(name));
}

type Documents = { read(kind: CycleKind, host: Host): Promise<ProbeLookup> };

const nothingYet: ProbeLookup = () => null;

function createDocuments(readPart: ReadPart): Documents {
  let last = nothingYet;
  return {
    async read(kind, host) {
      if (kind === 'light') return overlay(last, await registryProbes(host));
      last = await windowsCycle(host, 'full', readPart);
      return last;
    },
  };
}

/** A key has some of a probe's properties, the script's answer has them all; the key's are the newer ones. */
export function overlay(document: ProbeLookup, newer: ReadonlyMap<string, ProbeAnswer>): ProbeLookup {
  return (name) => {
    const before = document(name);
    const now = newer.get(name);
    if (!now?.ok) return before;
    return before?.ok ? { ...now, data: { ...asObject(before.data), ...asObject(now.data) } } : now;
  };
}

function asObject(data: unknown): object {
  return typeof data === 'object' && data !== null ? data : {};
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => (running ??= start());
}

const readShippedPart: ReadPart = (file) => readAsset(`collectors/${file}`);

/** Only the system and elevated administrators may look into this folder, in every version and language. */
export function isElevated(): boolean {
  try {
    readdirSync('C:\\Windows\\System32\\config');
    return true;
  } catch {
    return false;
  }
}
