import { NFT_INPUT } from './linux-block.ts';
import { startWaiting, type Tools, type Waiting } from './linux-tools.ts';

/** What a denial needs: one for the cut, one for the standing block, one to look at it. */
const READY = 3;

/** Milliseconds after which others take their place, so that an update of nftables comes into use. */
const RENEWED_AFTER_MS = 60 * 60_000;

/** Milliseconds for a denial's receipt and the report after it, which starting the next ones would delay. */
const REFILLED_AFTER_MS = 5_000;

/**
 * `nft` processes that have been started and wait for what they are to load: starting one takes longer than all else of a
 * cut.
 */
export class Standby {
  readonly #tools: Tools;
  #waiting: Waiting[] = [];
  #isKept = false;

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  /** Keeps them ready until the signal aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    this.#isKept = true;
    while (!signal.aborted) {
      this.#letGo();
      this.#fill();
      await this.#tools.clock.sleep(RENEWED_AFTER_MS, signal).catch(() => {});
    }
    this.#isKept = false;
    this.#letGo();
  }

  /** Whoever takes one lets it go. Where none is ready it is started now. */
  readonly take = (): Waiting => this.#waiting.shift() ?? startWaiting(this.#tools, NFT_INPUT);

  /** Called once what they were taken for is done. */
  async refill(): Promise<void> {
    await this.#tools.clock.sleep(REFILLED_AFTER_MS);
    if (this.#isKept) this.#fill();
  }

  #fill(): void {
    while (this.#waiting.length < READY) this.#waiting.push(startWaiting(this.#tools, NFT_INPUT));
  }

  #letGo(): void {
    for (const { letGo } of this.#waiting) letGo();
    this.#waiting = [];
  }
}
