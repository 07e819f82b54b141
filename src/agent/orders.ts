import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import { inspect, open, seal, TYP, type Signer } from '../wire/envelope.ts';
import { MAX_FRAME } from '../wire/frames.ts';
import { deviceUrn, serverUrn } from '../wire/ids.ts';
import {
  orderClaims,
  STATUS,
  targetOf,
  type Action,
  type OrderClaims,
  type OrderRefusal,
  type ReceiptClaims,
  type Target,
} from '../wire/order.ts';
import { orderKey, type Identity } from './enrolment.ts';
import type { Ledger, LedgerEntry, Outcome } from './ledger.ts';
import { createTurns, type Turns } from './turns.ts';
import { uuidv7 } from './uuid.ts';

/** Carries an order out, or finds it done already. Idempotent; what it throws becomes a failed receipt. */
export type OrderHandler = (claims: OrderClaims) => Promise<Outcome>;

/** What this agent can do, by `<action> <target>`. Everything else is answered `not-implemented`. */
export type OrderHandlers = Partial<Record<`${Action} ${Target}`, OrderHandler>>;

export type OrdersDeps = {
  ledger: Ledger;
  handlers: OrderHandlers;
  clock: Clock;
  log: Logger;
  /** Called whenever the receipt of an order is to be sent. */
  onReceipt(jti: string): void;
};

/** Milliseconds after which an order that is still at work is reported as failed. */
const EXECUTION_MS = 60_000;

export type Orders = {
  /**
   * Takes an order as it came: verified, journalled, carried out, its outcome journalled, in this order. A known
   * one is never carried out again; its receipt is sent again. Never rejects.
   */
  take(jws: string, identity: Identity): Promise<void>;
};

/** Orders are admitted one by one, and carried out one by one per target: a slow one delays no other target. */
export function createOrders(deps: OrdersDeps): Orders {
  const admission = createTurns();
  const targets = new Map<Target, Turns>();
  const turnsOf = (target: Target) => {
    const turns = targets.get(target) ?? createTurns();
    targets.set(target, turns);
    return turns;
  };
  return {
    async take(jws, identity) {
      try {
        const admitted = await admission(() => admit(jws, identity, deps));
        if (admitted === null) return;
        await turnsOf(targetOf(admitted.claims))(() => answer(admitted, deps));
      } catch (error) {
        deps.log.error({ err: error }, 'order could not be journalled');
      }
    },
  };
}

type Admitted = { claims: OrderClaims; refusal: Exclude<OrderRefusal, 'foreign'> | null };

/** An order that is new, verified and in the journal; null for one that needs nothing more. */
async function admit(jws: string, identity: Identity, deps: OrdersDeps): Promise<Admitted | null> {
  const { ledger, log, clock } = deps;
  const opened = await openOrder(jws, identity);
  if (!opened.ok) {
    // Without a valid signature nobody is answered: whoever wrote this is not the server.
    log.warn({ reason: opened.error }, 'order refused');
    return null;
  }
  const claims = opened.value;
  if (ledger.find(claims.jti) !== null) {
    await ledger.reopen(claims.jti);
    deps.onReceipt(claims.jti);
    return null;
  }
  const refusal = refusalOf(claims, identity, deps);
  if (refusal === 'foreign') {
    log.warn({ order: claims.jti }, 'order for another device refused');
    return null;
  }
  await ledger.begin(claims, uuidv7(clock.now()));
  return { claims, refusal };
}

async function answer({ claims, refusal }: Admitted, deps: OrdersDeps): Promise<void> {
  const outcome = refusal === null ? await carryOut(claims, deps) : refused(refusal);
  await deps.ledger.finish(claims.jti, outcome, deps.clock.now());
  const { status, text } = outcome;
  const { action } = claims.oc2;
  deps.log.info({ order: claims.jti, action, target: targetOf(claims), status, text }, 'order answered');
  deps.onReceipt(claims.jti);
}

async function openOrder(jws: string, identity: Identity): Promise<Result<OrderClaims, string>> {
  const header = inspect(jws, TYP.order, MAX_FRAME);
  if (!header.ok) return header;
  const key = await orderKey(identity, header.value.kid);
  return key === null ? err('unknown_key') : open(jws, key, orderClaims);
}

function refusalOf(claims: OrderClaims, identity: Identity, deps: OrdersDeps): OrderRefusal | null {
  const now = deps.clock.now() / 1_000;
  if (claims.aud !== deviceUrn(identity.device) || claims.iss !== serverUrn(identity.orderRoot))
    return 'foreign';
  if (claims.exp <= now) return 'expired';
  if (claims.nbf > now + CLOCK_LEEWAY_S) return 'not-allowed';
  if (claims.oseq <= deps.ledger.last(targetOf(claims))) return 'superseded';
  return handlerFor(claims, deps.handlers) === null ? 'not-implemented' : null;
}

/** Seconds by which an order may seem to come from the future: what remains after correcting the clock. */
const CLOCK_LEEWAY_S = 5;

function handlerFor(claims: OrderClaims, handlers: OrderHandlers): OrderHandler | null {
  return handlers[`${claims.oc2.action} ${targetOf(claims)}`] ?? null;
}

async function carryOut(claims: OrderClaims, { handlers, clock }: OrdersDeps): Promise<Outcome> {
  const handler = handlerFor(claims, handlers);
  if (handler === null) return refused('not-implemented');
  const control = new AbortController();
  const late = clock.sleep(EXECUTION_MS, control.signal).then(
    () => failed(`not finished within ${EXECUTION_MS / 1_000} s`),
    () => failed('interrupted'),
  );
  try {
    return await Promise.race([handler(claims), late]);
  } catch (error) {
    return failed(error instanceof Error ? error.message : 'unknown error');
  } finally {
    control.abort();
  }
}

function refused(reason: Exclude<OrderRefusal, 'foreign'>): Outcome {
  const status = reason === 'not-implemented' ? STATUS.notImplemented : STATUS.refused;
  return { status, text: reason, results: {} };
}

function failed(text: string): Outcome {
  return { status: STATUS.failed, text: text.slice(0, 500), results: {} };
}

/** The signed proof of what an order did, or null while it is at work. The same claims however often it is made. */
export async function sealReceipt(
  entry: LedgerEntry,
  identity: Identity,
  signer: Signer,
): Promise<string | null> {
  if (entry.outcome === null || entry.finishedAt === null) return null;
  const { status, text, results } = entry.outcome;
  const claims: ReceiptClaims = {
    iss: deviceUrn(identity.device),
    aud: serverUrn(identity.orderRoot),
    iat: Math.floor(entry.finishedAt / 1_000),
    jti: entry.receipt,
    request_id: entry.jti,
    phase: 'complete',
    oc2: { status, status_text: text, results },
  };
  return seal(TYP.receipt, claims, signer);
}

/** What a handler answers when the wanted state was reached. */
export function done(results: Record<string, unknown>): Outcome {
  return { status: STATUS.done, text: 'done', results };
}
