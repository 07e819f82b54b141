import type { CheckId, Readers, Readings } from '../../collectors/specs.ts';
import { checkIds } from '../../collectors/specs.ts';
import { systemClock } from '../base/clock.ts';
import { judgeAll, loadDefaultPolicy } from './judgement.ts';
import { recordingOf, type Archive } from './archive.ts';
import { loadReaders } from './readers.ts';
import { notCaptured } from './recorder.ts';
import { replayHost } from './replay.ts';
import { collectReadings, DEADLINE_MS } from './report.ts';

/** Reads a captured machine with this version's readers. The readings' times are now, not then. */
export async function replayArchive(archive: Archive): Promise<Readings> {
  const readers = await loadReaders(archive.platform);
  const only = checkIds.map((id) => [id, archive.checks.includes(id) ? readers[id] : notCaptured]);
  return collectReadings({
    readers: Object.fromEntries(only) as Readers,
    openHost: () => replayHost(recordingOf(archive)),
    clock: systemClock,
    deadlineMs: DEADLINE_MS,
  });
}

/** The checks that two captures of one moment do not judge alike. */
export async function differingChecks(one: Archive, other: Archive): Promise<CheckId[]> {
  const policy = await loadDefaultPolicy();
  const [before, after] = await Promise.all([one, other].map(replayArchive));
  if (!before || !after) return [];
  const levels = [before, after].map((readings) => {
    const { verdicts } = judgeAll(readings, policy, systemClock.now());
    return new Map(verdicts.map(({ check, level }) => [check, level]));
  });
  return checkIds.filter(
    (id) => outcomeOf(before, id) !== outcomeOf(after, id) || levels[0]?.get(id) !== levels[1]?.get(id),
  );
}

function outcomeOf(readings: Readings, id: CheckId): string {
  const reading = readings[id];
  return reading.state === 'known' ? 'known' : reading.why;
}
