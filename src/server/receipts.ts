import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { inspect, open, publicJwk, TYP } from '../wire/envelope.ts';
import { MAX_FRAME } from '../wire/frames.ts';
import { deviceUrn } from '../wire/ids.ts';
import { receiptClaims, STATUS, type ReceiptClaims } from '../wire/order.ts';
import type { Refusal } from '../wire/refusal.ts';
import { findByReportKey } from './store/devices.ts';
import { findOrder, insertReceipt, setOrderState } from './store/orders.ts';
import type { Store } from './store/store.ts';
import type { OrderRow, WantedRow } from './store/tables.ts';

/**
 * Whether a wanted state needs no further order: done, on its way, or beyond this device. An order that failed
 * otherwise is worth another try each time this is asked.
 */
export function isSettled(last: OrderRow | undefined, wanted: WantedRow, now: number): boolean {
  if (last?.want !== wanted.want || last.issued_at < wanted.since) return false;
  if (last.state === 'done' || last.status === STATUS.notImplemented) return true;
  return last.state !== 'failed' && now < last.expires_at;
}

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
    if (isNew && order !== undefined) await setOrderState(db, order.id, stateAfter(claims, order));
  });
}

function stateAfter(
  { phase, oc2 }: ReceiptClaims,
  order: OrderRow,
): Pick<OrderRow, 'state' | 'status' | 'reason'> {
  const reason = oc2.status_text;
  if (phase === 'complete') {
    return { state: oc2.status === STATUS.done ? 'done' : 'failed', status: oc2.status, reason };
  }
  // Receipts may overtake each other: a completed order stays completed.
  const isOver = order.state === 'done' || order.state === 'failed';
  return isOver
    ? { state: order.state, status: order.status, reason: order.reason }
    : { state: 'received', status: oc2.status, reason };
}
