import { randomUUIDv7 } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import { seal, TYP, type Signer } from '../wire/envelope.ts';
import { deviceUrn } from '../wire/ids.ts';
import type { Action, OrderClaims, Target } from '../wire/order.ts';
import type { Refusal } from '../wire/refusal.ts';
import type { Connections } from './connections.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { isSettled, takeReceipt } from './receipts.ts';
import { insertOrder, lastOrder, wantedOf } from './store/orders.ts';
import { StoreUnavailable, type Store } from './store/store.ts';
import type { OrderRow, WantedRow } from './store/tables.ts';

export type Orders = {
  /** Sends an order for every wanted state that the device has not yet confirmed. Resolves when they are on record. */
  reconcile(device: string): Promise<void>;
  /** Asks for a full report now; the order's id, or null while the device is not connected. */
  scan(device: string, cause: string): Promise<string | null>;
  /** Takes a receipt's token and answers with its id once it is on disk. */
  receipt(device: string, jws: string): Promise<Result<string, Refusal>>;
};

export type OrderParts = {
  store: Store;
  clock: Clock;
  connections: Connections;
  signer: Signer;
  /** The server's own urn. */
  issuer: string;
  log: Logger;
};

/** A device that is away gets a fresh order when it comes; an old one must not lie in wait for it. */
const VALID_SECONDS = 300;

const ACTION_FOR = { denied: 'deny', allowed: 'allow' } as const;

type Command = { action: Action; target: Target; value: unknown; want: string | null; cause: string };

export function createOrders(parts: OrderParts): Orders {
  const { connections } = parts;
  // One at a time, or two would take the same number, or both mint an order for the same wanted state.
  const { exclusively } = createKeyedLock();
  return {
    reconcile: (device) => exclusively(device, () => reconcile(parts, device)),
    scan: (device, cause) =>
      exclusively(device, async () => {
        if (connections.of(device) === undefined) return null;
        return issue(parts, device, { action: 'scan', target: 'features', value: [], want: null, cause });
      }),
    async receipt(device, jws) {
      try {
        return await takeReceipt(parts, device, jws);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        parts.log.warn({ err: error, device }, 'receipt not stored');
        return err('store_unavailable');
      }
    },
  };
}

async function reconcile(parts: OrderParts, device: string): Promise<void> {
  const { store, connections, clock } = parts;
  if (connections.of(device) === undefined) return;
  for (const wanted of await store.read((db) => wantedOf(db, device))) {
    const last = await store.read((db) => lastOrder(db, device, wanted.target));
    if (!isSettled(last, wanted, clock.now())) await issue(parts, device, commandFor(wanted));
  }
}

function commandFor({ want, target, cause }: WantedRow): Command {
  return { action: ACTION_FOR[want], target: target as Target, value: {}, want, cause };
}

/** On record first, then on the wire: what a device obeys can always be looked up. */
async function issue(parts: OrderParts, device: string, command: Command): Promise<string> {
  const { store, clock, connections, signer, issuer } = parts;
  const now = clock.now();
  const last = await store.read((db) => lastOrder(db, device, command.target));
  const claims = claimsFor(device, command, { issuer, now, oseq: Math.max((last?.oseq ?? 0) + 1, now) });
  const jws = await seal(TYP.order, claims, signer);
  await store.write((db) => insertOrder(db, { ...rowFor(device, command, claims), issued_at: now, jws }));
  connections.of(device)?.send({ t: 'order', jws });
  return claims.jti;
}

/** `oseq` rises with the server's milliseconds, so that a restored backup still orders. */
function claimsFor(
  device: string,
  { action, target, value, cause }: Command,
  { issuer, now, oseq }: { issuer: string; now: number; oseq: number },
): OrderClaims {
  const id = randomUUIDv7();
  const iat = Math.floor(now / 1_000);
  return {
    iss: issuer,
    aud: deviceUrn(device),
    jti: id,
    iat,
    nbf: iat,
    exp: iat + VALID_SECONDS,
    oseq,
    cause: { reason: cause.slice(0, 500) },
    oc2: { action, target: { [target]: value }, args: { response_requested: 'complete' }, command_id: id },
  };
}

function rowFor(device: string, command: Command, claims: OrderClaims): Omit<OrderRow, 'issued_at' | 'jws'> {
  const { action, target, want } = command;
  return {
    id: claims.jti,
    device,
    target,
    action,
    want,
    oseq: claims.oseq,
    expires_at: claims.exp * 1_000,
    state: 'sent',
    status: null,
    reason: null,
  };
}
