import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isMissing, writeAtomic } from '../base/atomic-file.ts';
import { parseJson } from '../base/json.ts';

/** What the helper knows and could not find out again: it outlives the helper, not the machine's next start. */
const stateSchema = z.object({
  moved: z.record(z.string(), z.string()),
  peers: z.array(z.object({ peerAddress: z.string(), peerId: z.string(), tunnels: z.array(z.string()) })),
});
export type HelperState = z.output<typeof stateSchema>;

/** Empty where there is none. One that cannot be read is an error: whoever was in quarantine must not be let out by it. */
export async function readState(file: string): Promise<HelperState> {
  try {
    return stateSchema.parse(parseJson(await readFile(file, 'utf8')));
  } catch (error) {
    if (isMissing(error)) return { moved: {}, peers: [] };
    throw new Error(`${file} cannot be read. End all sessions, remove it, and start again.`, {
      cause: error,
    });
  }
}

export function writeState(file: string, state: HelperState): Promise<void> {
  return writeAtomic(file, JSON.stringify(state));
}
