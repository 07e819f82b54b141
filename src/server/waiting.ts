import { z } from 'zod';
import { iso } from '../base/clock.ts';
import type { Device } from './store/devices.ts';
import { findTwins, hardwareOf } from './store/devices.ts';
import type { Db } from './store/store.ts';

/** A device that waits for approval, with what a person needs to know for it: `GET /v1/devices/waiting`. */
export const waitingDevice = z.object({
  id: z.string(),
  name: z.string(),
  platform: z.string(),
  since: z.iso.datetime(),
  keyProtection: z.string(),
  /** The token it came with, and what that one was made for. */
  token: z.string().nullable(),
  note: z.string(),
  /** The address it came from. */
  from: z.string().nullable(),
  /** Live devices on the same computer, which would lose everything. */
  replaces: z.array(z.object({ id: z.string(), name: z.string(), lastSeen: z.iso.datetime().nullable() })),
});

export type WaitingDevice = z.infer<typeof waitingDevice>;

/** Those that wait longest come first. */
export async function waitingDevices(db: Db): Promise<WaitingDevice[]> {
  const rows = await db
    .selectFrom('devices')
    .selectAll()
    .where('status', '=', 'pending')
    .orderBy('enrolled_at')
    .execute();
  return Promise.all(rows.map((device) => viewOf(db, device)));
}

async function viewOf(db: Db, device: Device): Promise<WaitingDevice> {
  const { id, name, platform, machine_id: machineId } = device;
  const token = await db
    .selectFrom('token_uses')
    .innerJoin('tokens', 'tokens.id', 'token_uses.token')
    .select(['tokens.id', 'tokens.note'])
    .where('token_uses.device', '=', id)
    .executeTakeFirst();
  const entry = await db
    .selectFrom('audit')
    .select('actor')
    .where('subject', '=', id)
    .where('action', '=', 'enrol pending')
    .executeTakeFirst();
  const twins = await findTwins(db, { id, machineId, hardware: await hardwareOf(db, id) });
  return {
    id,
    name,
    platform,
    since: iso(device.enrolled_at),
    keyProtection: device.key_protection,
    token: token?.id ?? null,
    note: token?.note ?? '',
    from: entry?.actor ?? null,
    replaces: twins.map((twin) => ({
      id: twin.id,
      name: twin.name,
      lastSeen: twin.seen_at === null ? null : iso(twin.seen_at),
    })),
  };
}
