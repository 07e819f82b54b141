import { runningGraces, snoozeUntil } from '../policy/reminders.ts';
import { judgeChanged } from './judge-changed.ts';
import type { JudgingParts } from './rejudge.ts';
import { putMemories } from './store/memories.ts';

/**
 * Puts off the reminders of a device's deadlines by `ms` at the wish of its user, never past the first deadline.
 * Answers with the end (milliseconds), on disk; null where there is nothing to put off.
 */
export async function snooze(parts: JudgingParts, device: string, ms: number): Promise<number | null> {
  let until: number | null = null;
  await judgeChanged(parts, device, async (db, state) => {
    const now = parts.clock.now();
    until = snoozeUntil(runningGraces(state.verdicts, now), ms, now);
    if (until === null) return state;
    const memory = { ...state.memory, snoozedUntil: until };
    const { key, revision } = state.compiled;
    const row = { device, memory: JSON.stringify(memory), compiled: key, compiled_revision: revision };
    await putMemories(db, [row]);
    return { ...state, memory };
  });
  return until;
}
