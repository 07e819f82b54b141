import { messageOf } from '../base/errors.ts';
import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { STATUS } from '../wire/order.ts';
import type { VpnProfile } from '../wire/vpn.ts';
import { bounded } from './bounded.ts';
import { isHeld, lapsed, nextLapse, wantedOf } from './holders.ts';
import { IsolationHold, type Isolating } from './isolation-hold.ts';
import type { Ledger } from './ledger.ts';
import { createMailbox } from './mailbox.ts';
import { createTurns } from './turns.ts';
import { VpnFailure, type SeenProfile, type VpnDriver, type VpnState, type VpnWanted } from './vpn/driver.ts';

export type KeeperDeps = {
  driver: VpnDriver;
  isolation: Isolating;
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  /** Told after every act, also one that failed. */
  onActed(): void;
  /** Shortened by tests. */
  limits?: Partial<Limits>;
};

const LIMITS = {
  /** Milliseconds that the driver gets for one wanted state. */
  actMs: 45_000,
  inspectMs: 10_000,
  /** After it was told to stop; then we go on without it. */
  graceMs: 2_000,
  firstRetryMs: 2_000,
  longestRetryMs: 60_000,
};

type Limits = typeof LIMITS;

/** Where a holder ends by itself, the clock on the wall is looked at this often: a computer may sleep. */
const LOOK_MS = 15_000;

/**
 * The only one who moves the VPN: brings the driver to what the holders in the journal want, one act at a time.
 * What loosens (allowing, setting a profile) is broken off as soon as somebody holds.
 */
export class VpnKeeper implements Actor {
  readonly name = 'vpn';
  readonly #deps: KeeperDeps;
  readonly #limits: Limits;
  readonly #isolation: IsolationHold;
  readonly #inTurn = createTurns();
  readonly #wakes = createMailbox<'look' | 'stop'>();
  /** An enforcement that has not begun: it will see the newest holders, so that one is enough. */
  #waiting: Promise<VpnState> | null = null;
  #loosening: AbortController | null = null;
  #failures = 0;
  /** Monotonic milliseconds. */
  #retryAt: number | null = null;
  #seen: VpnState | null = null;
  #actedAt: number | null = null;
  #problem: string | null = null;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#limits = { ...LIMITS, ...deps.limits };
    this.#isolation = new IsolationHold({ ...deps, limits: this.#limits });
  }

  /** What was seen last; null before anything was. */
  get seen(): VpnState | null {
    return this.#seen;
  }

  /** Why the wanted state is not reached, or null. */
  get problem(): string | null {
    return this.#problem;
  }

  /** When the last act had ended (milliseconds): what is read from then on shows what it did. */
  get actedAt(): number | null {
    return this.#actedAt;
  }

  get isolated(): boolean {
    return this.#isolation.isolated;
  }

  /** Brings the VPN to what the holders want now. Rejects where it is not reached; it is tried again by itself then. */
  enforce(): Promise<VpnState> {
    if (isHeld(this.#deps.ledger.holders)) this.#breakOff();
    this.#waiting ??= this.#inTurn(() => {
      this.#waiting = null;
      return this.#bring();
    });
    return this.#waiting;
  }

  /** Sets a profile; it does not come up while anybody holds. Rejects where it was not set. */
  async set(profile: VpnProfile, up: boolean, signal: AbortSignal): Promise<VpnState> {
    const { ledger } = this.#deps;
    try {
      return await this.#inTurn(async () => {
        const isUp = up && !isHeld(ledger.holders);
        const state = await this.#act({ state: 'set', profile, up: isUp }, signal);
        // The block has to know the new gateway, too.
        return isHeld(ledger.holders) ? await this.#act(wantedOf(ledger.holders)) : state;
      });
    } finally {
      this.#acted();
    }
  }

  /** Brings up a profile that is there, as its user asks. Rejects where it does not come up, and where anybody holds. */
  async bringUp(profile: SeenProfile): Promise<VpnState> {
    const { driver, ledger } = this.#deps;
    const bringUp = driver.bringUp?.bind(driver);
    if (bringUp === undefined)
      throw new VpnFailure(
        'On this system the VPN comes up in its own settings.',
        STATUS.notImplemented,
        null,
      );
    try {
      return await this.#inTurn(async () => {
        if (isHeld(ledger.holders)) throw new VpnFailure('The VPN is held.', STATUS.refused, null);
        return this.#loosen((signal) => bringUp(profile, signal));
      });
    } finally {
      this.#acted();
    }
  }

  /** At a start: undoes what was half set, and enforces what is held. Never rejects. */
  async recover(): Promise<void> {
    const { driver, ledger, log } = this.#deps;
    const { actMs, graceMs } = this.#limits;
    const failed = (what: string) => (error: unknown) => log.error({ err: error }, what);
    await bounded(() => driver.restore(), actMs, graceMs).catch(
      failed('a half set profile was not put back'),
    );
    await this.#look().catch(failed('the VPN could not be looked at'));
    await this.#lapse().catch(failed('the journal could not be written'));
    await this.#isolation.find().catch(failed('rules that may be left of an isolation could not be lifted'));
    // Rules without a holder are what a crash between lifting and allowing left.
    const isLeft = this.#seen?.block === 'holding' || this.isolated;
    if (isHeld(ledger.holders) || isLeft) await this.enforce().catch(() => {});
  }

  /** Looks whether what is held still is, and does it again where it is not. Never rejects. */
  async check(): Promise<void> {
    const { ledger, log } = this.#deps;
    const want = wantedOf(ledger.holders);
    if (want.state !== 'denied') return;
    try {
      const { block } = await this.#look();
      const stillHeld = block !== 'none' && !isLive(this.#seen, want.profiles);
      // Names that the policy lets through may have other addresses by now.
      if (stillHeld && ledger.holders.contain === null) return;
      if (!stillHeld) log.warn({ block }, 'a VPN that is held was not; it is taken down again');
      await this.enforce();
    } catch (error) {
      log.warn({ err: error }, 'whether the VPN is held could not be seen to');
    }
  }

  /** Ends holders whose time is over, and tries again what has failed. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    signal.addEventListener('abort', () => this.#wakes.put('stop'), { once: true });
    while (!signal.aborted) {
      await this.#wakes.take(this.#waitMs());
      if (signal.aborted) return;
      const isOver = await this.#lapse().catch((error: unknown) => {
        log.error({ err: error }, 'the journal could not be written');
        return false;
      });
      const isDue = this.#retryAt !== null && clock.monotonic() >= this.#retryAt;
      if (isOver || isDue) await this.enforce().catch(() => {});
    }
  }

  #acted(): void {
    this.#actedAt = this.#deps.clock.now();
    this.#deps.onActed();
  }

  /** Cuts without waiting for what is at work; the enforcement that follows sees to it that the cut stays. */
  #breakOff(): void {
    const loosening = this.#loosening;
    if (loosening === null || loosening.signal.aborted) return;
    loosening.abort(new VpnFailure('The VPN was denied meanwhile.', STATUS.refused, null));
    const { driver, ledger, log } = this.#deps;
    driver.apply(wantedOf(ledger.holders)).catch((error: unknown) => {
      log.warn({ err: error }, 'the VPN could not be cut while it was being changed');
    });
  }

  async #bring(): Promise<VpnState> {
    try {
      const [moved, isolated] = await Promise.allSettled([
        this.#act(wantedOf(this.#deps.ledger.holders)),
        this.#isolation.bring(),
      ]);
      if (isolated.status === 'rejected') throw isolated.reason;
      if (moved.status === 'rejected') throw moved.reason;
      this.#settle();
      return moved.value;
    } catch (error) {
      this.#retryLater(error);
      throw error;
    } finally {
      this.#acted();
      this.#wakes.put('look');
    }
  }

  async #act(want: VpnWanted, outer?: AbortSignal): Promise<VpnState> {
    const { driver } = this.#deps;
    if (want.state !== 'denied') return this.#loosen((signal) => driver.apply(want, signal), outer);
    return this.#bounded((signal) => driver.apply(want, signal), outer);
  }

  /** What can be broken off as soon as somebody holds. */
  async #loosen(during: (signal: AbortSignal) => Promise<VpnState>, outer?: AbortSignal): Promise<VpnState> {
    const control = new AbortController();
    this.#loosening = control;
    const signal = outer === undefined ? control.signal : AbortSignal.any([control.signal, outer]);
    try {
      return await this.#bounded(during, signal);
    } finally {
      if (this.#loosening === control) this.#loosening = null;
    }
  }

  async #bounded(during: (signal: AbortSignal) => Promise<VpnState>, outer?: AbortSignal): Promise<VpnState> {
    const { actMs, graceMs } = this.#limits;
    try {
      this.#seen = await bounded(during, actMs, graceMs, outer);
      return this.#seen;
    } catch (error) {
      if (error instanceof VpnFailure && error.seen !== null) this.#seen = error.seen;
      throw error;
    }
  }

  async #look(): Promise<VpnState> {
    const { inspectMs, graceMs } = this.#limits;
    this.#seen = await bounded((signal) => this.#deps.driver.inspect(signal), inspectMs, graceMs);
    return this.#seen;
  }

  async #lapse(): Promise<boolean> {
    const { ledger, clock, log } = this.#deps;
    const over = lapsed(ledger.holders, clock.now());
    for (const cause of over) {
      await ledger.lapse(cause, clock.now());
      log.info({ cause }, 'the time of a holder is over');
    }
    return over.length > 0;
  }

  #settle(): void {
    if (this.#problem !== null) this.#deps.log.info('the VPN is in the wanted state again');
    this.#problem = null;
    this.#failures = 0;
    this.#retryAt = null;
  }

  #retryLater(error: unknown): void {
    this.#problem = messageOf(error);
    this.#retryAt = null;
    // Where there is nothing to act on, trying again changes nothing; the next order or start looks anew.
    if (error instanceof VpnFailure && error.status === STATUS.notFound) return;
    const retryMs = Math.min(this.#limits.longestRetryMs, this.#limits.firstRetryMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryAt = this.#deps.clock.monotonic() + retryMs;
    this.#deps.log.warn({ problem: this.#problem, retryMs }, 'the VPN is not in the wanted state');
  }

  #waitMs(): number {
    const { ledger, clock } = this.#deps;
    const next = nextLapse(ledger.holders);
    const untilLapse = next === null ? Infinity : Math.min(LOOK_MS, Math.max(0, next - clock.now()));
    const untilRetry = this.#retryAt === null ? Infinity : Math.max(0, this.#retryAt - clock.monotonic());
    return Math.min(untilLapse, untilRetry);
  }
}

/** Whether one of the profiles (null: any) is up or coming up. */
export function isLive(seen: VpnState | null, which: readonly string[] | null): boolean {
  if (seen === null) return false;
  if (which === null && seen.interfaces.length > 0) return true;
  return seen.profiles.some(
    (one) => isMeant(one, which) && (one.state === 'up' || one.state === 'connecting'),
  );
}

function isMeant({ id, name }: SeenProfile, which: readonly string[] | null): boolean {
  return which === null || which.includes(name) || which.includes(id);
}
