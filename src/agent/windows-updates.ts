import { join } from 'node:path';
import type { Host, ProbeAnswer } from '../../collectors/check.ts';
import { windowsCycle } from '../../collectors/windows-cycle.ts';
import { parseDocument, type WindowsDocument } from '../../collectors/windows-document.ts';
import { scripts, type ReadPart } from '../../collectors/windows-script.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { iso, type Clock } from '../base/clock.ts';
import { readWhole } from './host-files.ts';
import type { UpdatesSchedule } from './cycle.ts';

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

const OWN: readonly string[] = scripts.updates.probes;

/** The answers of the update service: asked rarely, kept in `<folder>/windows-updates.json`. */
export function createUpdates({ folder, schedule, clock, readPart }: UpdatesDeps): Updates {
  const path = join(folder, 'windows-updates.json');
  let loading: Promise<WindowsDocument | null> | null = null;
  let asking: Promise<void> | null = null;
  /** Monotonic milliseconds. */
  let dueAt: number | null = null;

  const load = () => (loading ??= read(path));
  const ageOf = (document: WindowsDocument | null) => ageAt(document, clock.now());

  function refresh(host: Host): Promise<void> {
    asking ??= askIfDue(host).finally(() => (asking = null));
    return asking;
  }

  async function askIfDue(host: Host): Promise<void> {
    dueAt ??= clock.monotonic() + firstWait(ageOf(await load()), schedule);
    if (clock.monotonic() < dueAt) return;
    const document = await ask(host, readPart, clock);
    dueAt = clock.monotonic() + (document?.probes.get('updates')?.ok ? schedule.everyMs : RETRY_MS);
    if (document === null) return;
    loading = Promise.resolve(document);
    await keep(path, document);
  }

  return {
    has: (probe) => OWN.includes(probe),
    refresh,
    async answer(probe, host) {
      if (schedule.patience === 'wait') await refresh(host);
      const document = await load();
      const valid = ageOf(document) <= MAX_MISSED * schedule.everyMs;
      return (valid ? document?.probes.get(probe) : undefined) ?? NOT_YET;
    },
  };
}

/** For the reader a timeout: the service takes longer to answer than a check may wait. */
const NOT_YET: ProbeAnswer = {
  ok: false,
  ms: 0,
  fqid: 'UpdateService:NotYetAnswered',
  hresult: 0x80041069 | 0,
  message: '',
};

/** Milliseconds until the first asking after a start. */
function firstWait(ageMs: number, { everyMs, atStartMs }: UpdatesSchedule): number {
  return ageMs < atStartMs ? everyMs - ageMs : 0;
}

/** Infinite for no document, and for one from the future: the clock was set since, so nobody knows. */
function ageAt(document: WindowsDocument | null, now: number): number {
  const age = document === null ? Infinity : now - Date.parse(document.startedAt);
  return age < 0 ? Infinity : age;
}

/** Null when there was no answer at all, or no script to ask with. */
async function ask(host: Host, readPart: ReadPart, clock: Clock): Promise<WindowsDocument | null> {
  const startedAt = iso(clock.now());
  try {
    const lookup = await windowsCycle(host, 'updates', readPart);
    const probes = new Map(OWN.flatMap((name) => pairOf(name, lookup(name))));
    const answered = [...probes.values()].some((answer) => answer.ok);
    return answered ? { startedAt, probes } : null;
  } catch {
    return null;
  }
}

function pairOf(name: string, answer: ProbeAnswer | null): [string, ProbeAnswer][] {
  return answer === null ? [] : [[name, answer]];
}

/** In the form that the script prints, so that what comes from the disk is looked at as closely. */
async function keep(path: string, { startedAt, probes }: WindowsDocument): Promise<void> {
  const text = JSON.stringify({ schema: 1, startedAt, probes: Object.fromEntries(probes) });
  // Where it cannot be kept, the next start asks again.
  await writeAtomic(path, text, 0o600).catch(() => {});
}

async function read(path: string): Promise<WindowsDocument | null> {
  const bytes = await readWhole(path);
  const document = bytes.ok ? parseDocument(new TextDecoder().decode(bytes.value)) : bytes;
  return document.ok ? document.value : null;
}
