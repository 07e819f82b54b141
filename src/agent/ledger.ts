import { z } from 'zod';
import { uuid } from '../wire/ids.ts';
import { ACTIONS, TARGETS, targetOf, type OrderClaims, type Target } from '../wire/order.ts';
import { holdersState, NOBODY, withChange, type HolderChange, type Holders } from './holders.ts';
import type { StateFile } from './state-file.ts';
import { createTurns } from './turns.ts';

const outcome = () =>
  z.object({
    status: z.number().int(),
    text: z.string().max(500),
    results: z.record(z.string(), z.unknown()),
  });

/** What became of an order. `status` is one of OpenC2's codes; `results` what was observed before and after. */
export type Outcome = z.infer<ReturnType<typeof outcome>>;

const entry = () =>
  z.object({
    jti: uuid,
    target: z.enum(TARGETS),
    action: z.enum(ACTIONS).default('scan'),
    /** `received`: waits for its turn, nothing was done; `acting`: may have been done in part; `done`: has an outcome. */
    phase: z.enum(['received', 'acting', 'done']).default('acting'),
    /** The receipt's own id: the same however often it is sent. */
    receipt: uuid,
    /** Null until the end: an order in this state after a restart was interrupted. */
    outcome: outcome().nullable(),
    /** Milliseconds, by the server's clock. */
    finishedAt: z.number().nullable(),
    /** False for an order that asked for no answer. */
    answered: z.boolean(),
    acknowledged: z.boolean(),
  });

export type LedgerEntry = z.infer<ReturnType<typeof entry>>;

export const ledgerState = () =>
  z.object({
    /** The highest `oseq` that was begun, per target. */
    last: z.partialRecord(z.enum(TARGETS), z.number().int()),
    entries: z.array(entry()),
    /** Who holds the VPN down. In the same file: an order and the holder that it puts are written in one step. */
    holders: holdersState().prefault({}),
    /** Whose orders these are: the id under which the computer was enrolled. */
    device: uuid.nullable().default(null),
  });

export type LedgerState = z.infer<ReturnType<typeof ledgerState>>;

/**
 * Orders whose receipt was acknowledged are remembered up to this number; `oseq` guards against older ones. Each step of
 * each order writes all of them.
 */
const MAX_ENTRIES = 50;

const EMPTY: LedgerState = { last: {}, entries: [], holders: NOBODY, device: null };

/** What is written when an order is begun. */
export type Begin = {
  /** Id of the receipt to come. */
  receipt: string;
  phase: 'received' | 'acting';
  /** Put or lifted in the same step. */
  holders: readonly HolderChange[];
};

/**
 * The journal of orders and holders: on disk before anything is done, so that each order is executed at most once,
 * its receipt is sent at least once, and what was to be held is held after a crash. Every change returns once it is on disk and throws when it cannot be written.
 */
export class Ledger {
  readonly #file: StateFile<LedgerState>;
  readonly #inTurn = createTurns();
  #state: LedgerState;

  private constructor(file: StateFile<LedgerState>, state: LedgerState) {
    this.#file = file;
    this.#state = state;
  }

  static async open(file: StateFile<LedgerState>): Promise<Ledger> {
    return new Ledger(file, (await file.read()) ?? EMPTY);
  }

  get holders(): Holders {
    return this.#state.holders;
  }

  /** Orders without an outcome, oldest first: at a start, those that the end of the last run interrupted. */
  get unfinished(): LedgerEntry[] {
    return this.#state.entries.filter((one) => one.outcome === null);
  }

  get newest(): LedgerEntry | null {
    return this.#state.entries.at(-1) ?? null;
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

  begin(claims: OrderClaims, { receipt, phase, holders: changes }: Begin): Promise<void> {
    const target = targetOf(claims);
    const begun: LedgerEntry = {
      jti: claims.jti,
      target,
      action: claims.oc2.action,
      phase,
      receipt,
      outcome: null,
      finishedAt: null,
      answered: claims.oc2.args.response_requested !== 'none',
      acknowledged: false,
    };
    return this.#update(
      ({ last, entries, holders, device }) => ({
        device,
        last: { ...last, [target]: Math.max(last[target] ?? 0, claims.oseq) },
        entries: [...entries, begun],
        holders: changes.reduce(withChange, holders),
      }),
      changes.some(({ holder }) => holder !== null),
    );
  }

  /**
   * The computer is known under this id now. What another server, or this one under an earlier id, has ordered is
   * nobody's any more: it would be held for ever. Answers whether anything was.
   */
  async adopt(device: string): Promise<boolean> {
    const before = this.#state;
    if (before.device === device) return false;
    const isAnother = before.device !== null;
    await this.#update((state) =>
      isAnother
        ? { ...EMPTY, device, holders: { ...NOBODY, standing: state.holders.standing } }
        : { ...state, device },
    );
    return isAnother;
  }

  /** The turn of an order that waited has come. */
  act(jti: string): Promise<void> {
    return this.#change(
      (one) => one.jti === jti && one.phase === 'received',
      (one) => ({ ...one, phase: 'acting' }),
    );
  }

  finish(jti: string, outcome: Outcome, now: number): Promise<void> {
    return this.#change(
      (one) => one.jti === jti,
      (one) => ({ ...one, phase: 'done', outcome, finishedAt: now }),
    );
  }

  /** Puts or lifts a holder that no order is about. */
  hold(change: HolderChange): Promise<void> {
    const restricts = change.holder !== null;
    return this.#update((state) => ({ ...state, holders: withChange(state.holders, change) }), restricts);
  }

  /** Lifts a holder that ends by itself, unless another one has taken its place. */
  lapse(cause: HolderChange['cause'], now: number): Promise<void> {
    return this.#update((state) => {
      const until = state.holders[cause]?.until ?? Infinity;
      if (until > now) return state;
      return { ...state, holders: withChange(state.holders, { cause, holder: null }) };
    });
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
    await this.#update((state) => ({
      ...state,
      entries: state.entries.map((one) => (matches(one) ? change(one) : one)),
    }));
  }

  /** What `restricts` counts from now on even where it cannot be written: a full disk must not keep a VPN up. */
  #update(change: (state: LedgerState) => LedgerState, restricts = false): Promise<void> {
    return this.#inTurn(async () => {
      const changed = change(this.#state);
      const state = { ...changed, entries: withoutOldest(changed.entries) };
      if (restricts) this.#state = state;
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
