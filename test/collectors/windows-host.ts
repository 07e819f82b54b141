import type { Host, ProbeAnswer } from '../../collectors/check.ts';
import { replayHost } from '../../src/agent/replay.ts';

/** A Windows machine that answers these probes and nothing else. */
export function hostWith(probes: Readonly<Record<string, ProbeAnswer>>): Host {
  return replayHost({
    root: true,
    commands: [],
    files: new Map(),
    dirs: new Map(),
    links: new Map(),
    probes: new Map(Object.entries(probes)),
  });
}

/** The data of a probe that succeeded. */
export function answer(data: unknown): ProbeAnswer {
  return { ok: true, ms: 1, data };
}
