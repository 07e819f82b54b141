import { join } from 'node:path';
import { z } from 'zod';
import type { Logger } from '../../base/log.ts';
import { uuid } from '../../wire/ids.ts';
import { stateFile, type StateFile } from '../state-file.ts';

/** A service as it was before it was closed. */
const unitBefore = () =>
  z.strictObject({
    name: z.string().regex(/^[\w@.-]+\.service$/),
    active: z.boolean(),
    enabled: z.boolean(),
  });
export type UnitBefore = z.infer<ReturnType<typeof unitBefore>>;

const closing = () =>
  z.strictObject({
    /** `closing` and `reopening` are completed after a crash; `closed` stands. */
    phase: z.enum(['closing', 'closed', 'reopening']),
    /** Services stopped and masked, or new packets to UDP 1701 dropped by a table of ours. */
    way: z.enum(['service', 'firewall']),
    units: z.array(unitBefore()).max(20),
    /** Milliseconds; `until` null: until somebody reopens it. */
    since: z.number(),
    until: z.number().nullable(),
    reason: z.string().max(500),
    order: uuid.nullable(),
  });
export type Closing = z.infer<ReturnType<typeof closing>>;

const record = () => z.strictObject({ closing: closing().nullable() });

/** What was closed here, on disk before anything is done. Null: nothing is. */
export type ClosingFile = { read(): Promise<Closing | null>; write(closing: Closing | null): Promise<void> };

export function closingFile(stateDir: string, log: Logger): ClosingFile {
  const file: StateFile<z.infer<ReturnType<typeof record>>> = stateFile(
    join(stateDir, 'l2tp-server.json'),
    record,
    log,
  );
  return {
    read: async () => (await file.read())?.closing ?? null,
    write: (value) => file.write({ closing: value }),
  };
}
