import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { iso, type Clock } from '../base/clock.ts';
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
import { bounded } from './bounded.ts';
import { orderKey, type Identity } from './enrolment.ts';
import type { HolderChange } from './holders.ts';
import type { Ledger, LedgerEntry, Outcome } from './ledger.ts';
import { createTurns, type Turns } from './turns.ts';
import { timeOf, uuidv7 } from './uuid.ts';

/** How an order is carried out. */
export type Plan = {
  /** Holders that are put or lifted together with the order's entry in the journal: before anything is done. */
  holders: readonly HolderChange[];
  /** True: does not wait for other orders about the same target. */
  atOnce: boolean;
  /** Carries the order out, or finds it done already. What it throws becomes a failed receipt. */
  run(signal: AbortSignal): Promise<Outcome>;
};

/** Looks at an order and does nothing yet: a plan, or the answer that refuses it. */
export type OrderHandler = (claims: OrderClaims) => Result<Plan, Outcome>;

/** What this agent can do, by `<action> <target>`. Everything else is answered `not-implemented`. */
export type OrderHandlers = Partial<Record<`${Action} ${Target}`, OrderHandler>>;

export type OrdersDeps = {
  ledger: Ledger;
  handlers: OrderHandlers;
  clock: Clock;
  log: Logger;
  /** Called when something has come that may have to be carried out at once; what it answers ends that. */
  goFirst?(): () => void;
  /** Called whenever a receipt of an order is to be sent. */
  onReceipt(due: DueReceipt): void;
};

/** `received` is sent before the order is carried out, once and for what it is worth; `complete` until it is known. */
export type DueReceipt = { jti: string; phase: 'received' | 'complete' };

/** Milliseconds after which an order that is still at work is reported as failed. */
const EXECUTION_MS = 60_000;

/** After it was told to stop; then it is left to itself. */
const GRACE_MS = 3_000;

export type Orders = {
  /**
   * Takes an order as it came: verified, journalled, carried out, its outcome journalled, in this order. A known
   * one is never carried out again; its receipt is sent again. Never rejects.
   */
  take(jws: string, identity: Identity): Promise<void>;
  /** Resolves once no order is being answered: their receipts are on their way then. */
  idle(): Promise<void>;
};

/** Orders are admitted one by one. They are carried out one by one per target, but for those that must not wait. */
export function createOrders(deps: OrdersDeps): Orders {
  const admission = createTurns();
  const targets = new Map<Target, Turns>();
  const turnsOf = (target: Target) => {
    const turns = targets.get(target) ?? createTurns();
    targets.set(target, turns);
    return turns;
  };
  const underWay = new Set<Promise<void>>();
  const take = async (jws: string, identity: Identity) => {
    const letOthers = deps.goFirst?.();
    try {
      const admitted = await admission(() => admit(jws, identity, deps));
      if (admitted === null) return;
      if (admitted.plan.ok && admitted.plan.value.atOnce) return await answer(admitted, deps);
      letOthers?.();
      await turnsOf(targetOf(admitted.claims))(() => answer(admitted, deps));
    } catch (error) {
      deps.log.error({ err: error }, 'order could not be journalled');
    } finally {
      letOthers?.();
    }
  };
  return {
    async take(jws, identity) {
      const taken = take(jws, identity);
      underWay.add(taken);
      await taken;
      underWay.delete(taken);
    },
    async idle() {
      await Promise.all(underWay);
    },
  };
}

type Admitted = { claims: OrderClaims; plan: Result<Plan, Outcome> };

/** An order that is new, verified and in the journal; null for one that needs nothing more. */
async function admit(jws: string, identity: Identity, deps: OrdersDeps): Promise<Admitted | null> {
  const { ledger, log } = deps;
  const opened = await openOrder(jws, identity);
  if (!opened.ok) {
    // Without a valid signature nobody is answered: whoever wrote this is not the server.
    log.warn({ reason: opened.error }, 'order refused');
    return null;
  }
  const claims = opened.value;
  if (ledger.find(claims.jti) !== null) {
    await ledger.reopen(claims.jti);
    deps.onReceipt({ jti: claims.jti, phase: 'complete' });
    return null;
  }
  const refusal = refusalOf(claims, identity, deps);
  if (refusal === 'foreign') {
    log.warn({ order: claims.jti }, 'order for another device refused');
    return null;
  }
  const plan = refusal === null ? planFor(claims, deps) : err(refused(refusal));
  await begin(claims, plan, deps);
  return { claims, plan };
}

function planFor(claims: OrderClaims, { handlers }: OrdersDeps): Result<Plan, Outcome> {
  const handler = handlers[`${claims.oc2.action} ${targetOf(claims)}`];
  return handler === undefined ? err(refused('not-implemented')) : handler(claims);
}

/** On disk before anything is done. Only what restricts goes on without: a full disk must not keep a VPN up. */
async function begin(claims: OrderClaims, plan: Result<Plan, Outcome>, deps: OrdersDeps): Promise<void> {
  const holders = plan.ok ? plan.value.holders : [];
  const phase = plan.ok && plan.value.atOnce ? 'acting' : 'received';
  try {
    await deps.ledger.begin(claims, { receipt: uuidv7(deps.clock.now()), phase, holders });
  } catch (error) {
    if (!holders.some(({ holder }) => holder !== null)) throw error;
    deps.log.error(
      { err: error, order: claims.jti },
      'order could not be journalled; carried out all the same',
    );
  }
}

async function answer({ claims, plan }: Admitted, deps: OrdersDeps): Promise<void> {
  const { jti, oc2 } = claims;
  const outcome = plan.ok ? await carryOut(claims, plan.value, deps) : plan.error;
  const { status, text } = outcome;
  deps.log.info({ order: jti, action: oc2.action, target: targetOf(claims), status, text }, 'order answered');
  await deps.ledger.finish(jti, outcome, deps.clock.now()).finally(() => {
    deps.onReceipt({ jti, phase: 'complete' });
  });
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
  return null;
}

/** Seconds by which an order may seem to come from the future: what remains after correcting the clock. */
const CLOCK_LEEWAY_S = 5;

/** Milliseconds after which a server that has no outcome yet is told that the order was received: most have one by then. */
const RECEIVED_AFTER_MS = 1_500;

/** What cuts is under way before anything is written about it. */
async function carryOut(claims: OrderClaims, plan: Plan, deps: OrdersDeps): Promise<Outcome> {
  const finished = new AbortController();
  const received = () => deps.onReceipt({ jti: claims.jti, phase: 'received' });
  deps.clock.sleep(RECEIVED_AFTER_MS, finished.signal).then(received, () => {});
  try {
    if (!plan.atOnce) await deps.ledger.act(claims.jti);
    return await bounded((signal) => plan.run(signal), EXECUTION_MS, GRACE_MS);
  } catch (error) {
    return failed(error);
  } finally {
    finished.abort();
  }
}

function refused(reason: Exclude<OrderRefusal, 'foreign'>): Outcome {
  const status = reason === 'not-implemented' ? STATUS.notImplemented : STATUS.refused;
  return outcomeOf(status, reason);
}

/** What a handler answers instead of doing something. */
export function outcomeOf(status: number, text: string, results: Record<string, unknown> = {}): Outcome {
  return { status, text: text.slice(0, 500), results };
}

/** Errors that know their OpenC2 status keep it. */
export function failed(error: unknown): Outcome {
  const status = error instanceof Error && 'status' in error ? error.status : null;
  const text = messageOf(error);
  return outcomeOf(typeof status === 'number' ? status : STATUS.failed, text);
}

/**
 * The signed proof of what an order did; the same claims however often it is made. While the order is at work, the
 * word that it has been received.
 */
export async function sealReceipt(entry: LedgerEntry, identity: Identity, signer: Signer): Promise<string> {
  const common = {
    iss: deviceUrn(identity.device),
    aud: serverUrn(identity.orderRoot),
    request_id: entry.jti,
  };
  if (entry.outcome === null || entry.finishedAt === null) {
    const now = timeOf(entry.receipt);
    const oc2 = { status: STATUS.processing, status_text: 'processing', results: {} };
    const received: ReceiptClaims = {
      ...common,
      iat: Math.floor(now / 1_000),
      jti: uuidv7(now),
      phase: 'received',
      oc2,
    };
    return seal(TYP.receipt, received, signer);
  }
  const { status, text, results } = entry.outcome;
  const claims: ReceiptClaims = {
    ...common,
    iat: Math.floor(entry.finishedAt / 1_000),
    jti: entry.receipt,
    phase: 'complete',
    // The moment from which on a report proves it, unless the handler knows it better: `iat` knows seconds only.
    oc2: { status, status_text: text, results: { at: iso(entry.finishedAt), ...results } },
  };
  return seal(TYP.receipt, claims, signer);
}

/** What a handler answers when the wanted state was reached. */
export function done(results: Record<string, unknown>): Outcome {
  return { status: STATUS.done, text: 'done', results };
}
