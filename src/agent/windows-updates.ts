import { join } from 'node:path';
import type { Host, ProbeAnswer } from '../../collectors/check.ts';
import { windowsCycle, type ProbeLookup } from '../../collectors/windows-cycle.ts';
import { parseDocument, type WindowsDocument } from '../../collectors/windows-document.ts';
import { scripts, type ReadPart } from '../../collectors/windows-script.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { iso, type Clock } from '../base/clock.ts';
import { readWhole } from './host-files.ts';
import type { UpdatesSchedule } from './open-host.ts';

export type Updates = {
  has(probe: string): boolean;
  answer(probe: string, host: Host): Promise<ProbeAnswer>;
  /** Asks the update service when that is due. Resolves when the asking that is under way has ended; never rejects. */
  refresh(host: Host): Promise<void>;
};

export type UpdatesDeps = { folder: string; schedule: UpdatesSchedule; clock: Clock; readPart: ReadPart };

/** Milliseconds after which a service that could not answer is asked again. */
const RETRY_MS = 30 * 60_000;

/** An answer that could not be renewed this many times says nothing any more. */
const MAX_MISSED = 4;

/** The answers of the update service: asked rarely, kept in `<folder>/windows-updates.json`. */
export function createUpdates({ folder, schedule, clock, readPart }: UpdatesDeps): Updates {
  const path = join(folder, 'windows-updates.json');
  const own: readonly string[] = scripts.updates.probes;
  let kept: Promise<WindowsDocument | null> | null = null;
  let asking: Promise<void> | null = null;
  /** Monotonic; null until it was asked for the first time. */
  let notBefore: number | null = null;

  const load = () => (kept ??= read(path));

  async function refresh(host: Host): Promise<void> {
    asking ??= askIfDue(host).finally(() => (asking = null));
    return asking;
  }

  async function askIfDue(host: Host): Promise<void> {
    if (!(await isDue())) return;
    const document = documentOf(await ask(host, readPart), iso(clock.now()));
    notBefore = clock.monotonic() + (isComplete(document) ? schedule.everyMs : RETRY_MS);
    if (!isAnswered(document)) return;
    kept = Promise.resolve(document);
    await write(path, document);
  }

  async function isDue(): Promise<boolean> {
    if (notBefore !== null) return clock.monotonic() >= notBefore;
    return !isYoungerThan(schedule.atStartMs, await load(), clock.now());
  }

  return {
    has: (probe) => own.includes(probe),
    refresh,
    async answer(probe, host) {
      if (schedule.patience === 'wait') await refresh(host);
      const document = await load();
      const valid = isYoungerThan(MAX_MISSED * schedule.everyMs, document, clock.now());
      return (valid ? document?.probes.get(probe) : undefined) ?? NOT_YET;
    },
  };
}
