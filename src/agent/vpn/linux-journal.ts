import { join } from 'node:path';
import { z } from 'zod';
import type { Failpoints } from '../../base/failpoint.ts';
import type { Logger } from '../../base/log.ts';
import { stateFile } from '../state-file.ts';

/** A file as it was before a change: null for none. */
const before = z.strictObject({
  path: z.string(),
  was: z.strictObject({ base64: z.string(), mode: z.number().int() }).nullable(),
});
export type Before = z.infer<typeof before>;

const journal = () =>
  z.strictObject({
    /** The block that is wanted: it is completed after a crash. Profiles: null for all. */
    denied: z.strictObject({ profiles: z.array(z.string()).nullable() }).nullable(),
    /** A change that has begun: it is undone after a crash. */
    change: z.strictObject({ backend: z.string(), name: z.string(), files: z.array(before) }).nullable(),
  });
export type JournalEntry = z.infer<ReturnType<typeof journal>>;

/** What the drivers have to remember across a crash. Written before anything is done. */
export type Journal = {
  read(): Promise<JournalEntry>;
  note(change: Partial<JournalEntry>): Promise<void>;
};

const NOTHING: JournalEntry = { denied: null, change: null };

/** Holds what a changed file contained, secrets too: for the agent's user alone, like the files themselves. */
export function openJournal(folder: string, log: Logger, failpoints: Failpoints): Journal {
  const file = stateFile(join(folder, 'vpn-driver.json'), journal, log);
  // Nobody else writes it.
  let known: JournalEntry | null = null;
  const read = async () => (known ??= (await file.read()) ?? NOTHING);
  return {
    read,
    async note(change) {
      const next = { ...(await read()), ...change };
      await failpoints.reach('before journal');
      await file.write(next);
      known = next;
      await failpoints.reach('after journal');
    },
  };
}
