import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { inspect, open, publicJwk, TYP } from '../wire/envelope.ts';
import { MAX_FRAME } from '../wire/frames.ts';
import { deviceUrn } from '../wire/ids.ts';
import { receiptClaims, STATUS, type ReceiptClaims } from '../wire/order.ts';
import type { Refusal } from '../wire/refusal.ts';
import { findByReportKey } from './store/devices.ts';
import { changeOrder, findOrder, insertReceipt } from './store/orders.ts';
import type { Store } from './store/store.ts';
import type { OrderRow } from './store/tables.ts';

/** Verifies and stores a receipt; the one that completes an order settles its state. Answers with the receipt's id. */
export async function takeReceipt(
  { store, clock, issuer }: { store: Store; clock: Clock; issuer: string },
  device: string,
  jws: string,
): Promise<Result<string, Refusal>> {
  const header = inspect(jws, TYP.receipt, MAX_FRAME);
  if (!header.ok) return header;
  const signer = await store.read((db) => findByReportKey(db, header.value.kid));
  if (signer?.id !== device) return err('unknown_key');
  if (signer.retired_at !== null) return err('key_retired');
  const claims = await open(jws, publicJwk.parse(JSON.parse(signer.jwk)), receiptClaims);
  if (!claims.ok) return claims;
  const { iss, aud, jti } = claims.value;
  if (iss !== deviceUrn(device)) return err('wrong_issuer');
  if (aud !== issuer) return err('wrong_audience');
  await storeReceipt(store, device, claims.value, jws, clock.now());
  return ok(jti);
}

async function storeReceipt(
  store: Store,
  device: string,
  claims: ReceiptClaims,
  jws: string,
  now: number,
): Promise<void> {
  const { jti, request_id, phase, oc2 } = claims;
  await store.write(async (db) => {
    const row = { id: jti, device, order_id: request_id, phase, status: oc2.status, received_at: now, jws };
    const isNew = await insertReceipt(db, row);
    const order = await findOrder(db, device, request_id);
    // A receipt for an order that a lost database does not know is kept; there is nothing to settle.
    const change = isNew && order !== undefined ? changeBy(claims, order) : null;
    if (order !== undefined && change !== null) await changeOrder(db, order.id, change);
  });
}

const doneResults = z.object({
  at: z.iso.datetime().optional(),
  heldBy: z.array(z.string().max(20)).max(5).optional(),
});

type Change = Partial<Pick<OrderRow, 'state' | 'status' | 'reason' | 'done_at' | 'held_by'>>;

function changeBy({ phase, oc2, iat }: ReceiptClaims, order: OrderRow): Change | null {
  const reason = oc2.status_text;
  // Receipts may overtake each other: a completed order stays completed.
  if (phase !== 'complete') return isOver(order) ? null : { state: 'received', status: oc2.status, reason };
  const results = doneResults.safeParse(oc2.results);
  const { at, heldBy } = results.success ? results.data : {};
  return {
    state: oc2.status === STATUS.done ? 'done' : 'failed',
    status: oc2.status,
    reason,
    // Whole seconds only, where nothing better was said: then the end of the second.
    done_at: at === undefined ? iat * 1_000 + 999 : Date.parse(at),
    held_by: heldBy === undefined || heldBy.length === 0 ? null : heldBy.join(', '),
  };
}

function isOver({ state }: OrderRow): boolean {
  return state === 'done' || state === 'proven' || state === 'failed';
}
