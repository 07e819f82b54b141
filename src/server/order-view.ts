import { z } from 'zod';
import { iso } from '../base/clock.ts';
import type { OrderRow } from './store/tables.ts';

const time = z.iso.datetime();

/** `done`: the device says so; `proven`: its next report shows it. */
export const ORDER_STATES = ['sent', 'received', 'done', 'proven', 'failed'] as const;

export const orderView = z.object({
  id: z.string(),
  device: z.string(),
  action: z.string(),
  target: z.string(),
  state: z.enum(ORDER_STATES),
  /** OpenC2 status of the last receipt, and what the device said with it. */
  status: z.number().nullable(),
  reason: z.string().nullable(),
  /** Why it was given, and by whom. */
  cause: z.string(),
  actor: z.string(),
  issuedAt: time,
  /** When the device was done, by its own clock. */
  doneAt: time.nullable(),
});

export type OrderView = z.infer<typeof orderView>;

export function viewOf(row: OrderRow): OrderView {
  const { id, device, action, target, state, status, reason, cause, actor } = row;
  const doneAt = row.done_at === null ? null : iso(row.done_at);
  return {
    id,
    device,
    action,
    target,
    state,
    status,
    reason,
    cause,
    actor,
    issuedAt: iso(row.issued_at),
    doneAt,
  };
}
