import { z } from 'zod';
import { iso } from '../base/clock.ts';
import type { SessionRow } from './store/tables.ts';

const time = z.iso.datetime();

/** One VPN session: `GET /v1/sessions`. */
export const sessionDocument = z.object({
  id: z.string(),
  /** The credential that told of it, and the NAS that holds it. */
  gateway: z.string(),
  nas: z.string(),
  nasPort: z.string(),
  /** The NAS's own id for it. */
  acctSessionId: z.string(),
  /** Null where nobody was recognised. */
  device: z.string().nullable(),
  user: z.string(),
  /** Inside the VPN; null until it is given out. */
  framedAddress: z.string().nullable(),
  /** From which the tunnel comes. */
  address: z.string().nullable(),
  /** What it may do; null where the gate was not asked. */
  access: z.string().nullable(),
  startedAt: time,
  seenAt: time,
  endedAt: time.nullable(),
  /** Why it ended, in the NAS's words; `lost`: nothing was heard any more; `disconnected`: by us. */
  cause: z.string().nullable(),
  bytesIn: z.number(),
  bytesOut: z.number(),
});

export type SessionDocument = z.infer<typeof sessionDocument>;

export function sessionDocumentOf(row: SessionRow): SessionDocument {
  return {
    id: row.id,
    gateway: row.gateway,
    nas: row.nas,
    nasPort: row.nas_port,
    acctSessionId: row.acct_session_id,
    device: row.device,
    user: row.user,
    framedAddress: row.framed_address === '' ? null : row.framed_address,
    address: row.address,
    access: row.access,
    startedAt: iso(row.started_at),
    seenAt: iso(row.seen_at),
    endedAt: row.ended_at === null ? null : iso(row.ended_at),
    cause: row.cause,
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
  };
}
