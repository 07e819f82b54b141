import type { Logger } from '../base/log.ts';
import { bounded } from './bounded.ts';
import type { Ledger } from './ledger.ts';

/** Cuts this computer off from everything but what has to stay reachable. Wanted states are idempotent. */
export type Isolating = {
  inspect(): Promise<{ state: 'isolated' | 'none' | 'unknown' }>;
  apply(): Promise<unknown>;
  lift(): Promise<unknown>;
};

type HoldDeps = {
  isolation: Isolating;
  ledger: Pick<Ledger, 'holders'>;
  log: Logger;
  /** Milliseconds for one act, and those after it was told to stop. */
  limits: { actMs: number; graceMs: number };
};

/** Brings the isolation to what the journal's holder wants. */
export class IsolationHold {
  readonly #deps: HoldDeps;
  /** Whether rules are known to be in the system. */
  #isolated = false;

  constructor(deps: HoldDeps) {
    this.#deps = deps;
  }

  get isolated(): boolean {
    return this.#isolated;
  }

  /** At a start. Of rules that somebody has altered nobody can say what they are: where none are wanted, they go as well. */
  async find(): Promise<void> {
    const { isolation, log } = this.#deps;
    const { state } = await this.#bounded(() => isolation.inspect());
    this.#isolated = state === 'isolated';
    if (state !== 'unknown' || this.#isWanted) return;
    log.warn('rules of an isolation that nobody wants are not as they were put there; they are lifted');
    await this.#bounded(() => isolation.lift());
  }

  /** Rejects where it is not reached. */
  async bring(): Promise<void> {
    const { isolation } = this.#deps;
    const isWanted = this.#isWanted;
    if (!isWanted && !this.#isolated) return;
    await this.#bounded(() => (isWanted ? isolation.apply() : isolation.lift()));
    this.#isolated = isWanted;
  }

  get #isWanted(): boolean {
    return this.#deps.ledger.holders.contain !== null;
  }

  #bounded<T>(act: () => Promise<T>): Promise<T> {
    const { actMs, graceMs } = this.#deps.limits;
    return bounded(act, actMs, graceMs);
  }
}
