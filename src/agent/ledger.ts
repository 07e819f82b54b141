import { z } from 'zod';
import { uuid } from '../wire/ids.ts';
import { STATUS, TARGETS, targetOf, type OrderClaims, type Target } from '../wire/order.ts';
import type { StateFile } from './state-file.ts';
import { createTurns } from './turns.ts';

const outcome = z.object({
  status: z.number().int(),
  text: z.string().max(500),
  results: z.record(z.string(), z.unknown()),
});

/** What became of an order. `status` is one of OpenC2's codes; `results` what was observed before and after. */
export type Outcome = z.infer<typeof outcome>;

const entry = z.object({
  jti: uuid,
  target: z.enum(TARGETS),
  /** The receipt's own id: the same however often it is sent. */
  receipt: uuid,
  /** Null from the moment of starting until the end: an order in this state after a restart was interrupted. */
  outcome: outcome.nullable(),
  /** Milliseconds, by the server's clock. */
  finishedAt: z.number().nullable(),
  /** False for an order that asked for no answer. */
  answered: z.boolean(),
  acknowledged: z.boolean(),
});

export type LedgerEntry = z.infer<typeof entry>;

export const ledgerState = z.object({
  /** The highest `oseq` that was begun, per target. */
  last: z.partialRecord(z.enum(TARGETS), z.number().int()),
  entries: z.array(entry),
});

export type LedgerState = z.infer<typeof ledgerState>;

/** Orders whose receipt was acknowledged are remembered up to this number; `oseq` guards against older ones. */
const MAX_ENTRIES = 200;

const EMPTY: LedgerState = { last: {}, entries: [] };

/**
 * The journal of orders: on disk before anything is done, so that each is executed at most once and its receipt
 * is sent at least once. Every change returns once it is on disk and throws when it cannot be written.
 */
export class Ledger {
  readonly #file: StateFile<LedgerState>;
  readonly #inTurn = createTurns();
  #state: LedgerState;

  private constructor(file: StateFile<LedgerState>, state: LedgerState) {
    this.#file = file;
    this.#state = state;
  }

  /** An order that a crash interrupted is closed as failed: nobody can say how far it had come. */
  static async open(file: StateFile<LedgerState>, now: number): Promise<Ledger> {
    const ledger = new Ledger(file, (await file.read()) ?? EMPTY);
    const interrupted: Outcome = { status: STATUS.failed, text: 'interrupted by a restart', results: {} };
    for (const { jti, outcome } of ledger.#state.entries) {
      if (outcome === null) await ledger.finish(jti, interrupted, now);
    }
    return ledger;
  }

  find(jti: string): LedgerEntry | null {
    return this.#state.entries.find((one) => one.jti === jti) ?? null;
  }

  /** The highest `oseq` of a target that was begun; 0 before the first. */
  last(target: Target): number {
    return this.#state.last[target] ?? 0;
  }

  /** Finished orders whose receipt the server has not acknowledged, oldest first. */
  get unacknowledged(): LedgerEntry[] {
    return this.#state.entries.filter((one) => one.answered && one.outcome !== null && !one.acknowledged);
  }

  begin(claims: OrderClaims, receipt: string): Promise<void> {
    const target = targetOf(claims);
    const begun: LedgerEntry = {
      jti: claims.jti,
      target,
      receipt,
      outcome: null,
      finishedAt: null,
      answered: claims.oc2.args.response_requested !== 'none',
      acknowledged: false,
    };
    return this.#update(({ last, entries }) => ({
      last: { ...last, [target]: Math.max(last[target] ?? 0, claims.oseq) },
      entries: [...entries, begun],
    }));
  }

  finish(jti: string, outcome: Outcome, now: number): Promise<void> {
    return this.#change(
      (one) => one.jti === jti,
      (one) => ({ ...one, outcome, finishedAt: now }),
    );
  }

  /** By the receipt's id; an unknown one changes nothing. */
  acknowledge(receipt: string): Promise<void> {
    return this.#change(
      (one) => one.receipt === receipt && !one.acknowledged,
      (one) => ({ ...one, acknowledged: true }),
    );
  }

  /** The server asks again: its receipt is due again, whatever was acknowledged before. */
  reopen(jti: string): Promise<void> {
    return this.#change(
      (one) => one.jti === jti && one.acknowledged,
      (one) => ({ ...one, acknowledged: false }),
    );
  }

  async #change(
    matches: (one: LedgerEntry) => boolean,
    change: (one: LedgerEntry) => LedgerEntry,
  ): Promise<void> {
    if (!this.#state.entries.some(matches)) return;
    await this.#update(({ last, entries }) => ({
      last,
      entries: entries.map((one) => (matches(one) ? change(one) : one)),
    }));
  }

  #update(change: (state: LedgerState) => LedgerState): Promise<void> {
    return this.#inTurn(async () => {
      const { last, entries } = change(this.#state);
      const state = { last, entries: withoutOldest(entries) };
      await this.#file.write(state);
      this.#state = state;
    });
  }
}

/** Forgets the oldest orders that need no receipt any more, as far as there are too many. */
function withoutOldest(entries: readonly LedgerEntry[]): LedgerEntry[] {
  let excess = entries.length - MAX_ENTRIES;
  return entries.filter((one) => {
    const settled = one.acknowledged || !one.answered;
    if (excess <= 0 || !settled || one.outcome === null) return true;
    excess -= 1;
    return false;
  });
}
