import type { CheckId } from '../../../collectors/specs.ts';
import { CHECKOUT, type Daemon, NODE_JS, type RigNode } from '../node.ts';
import { FORBIDDEN } from './policy.ts';
import type { Posture } from './posture.ts';

/** Settings of an agent that looks all the time. */
export const OFTEN = 'collect: { everySeconds: 10, budget: { cpuPercent: 100, rssMiB: 4096 } }\n';

/** Of one that looks when it is told to, and after what it did: looking leaves an emulated machine little time for the rest. */
export const SELDOM = OFTEN.replace('10', '300');

const ASK_MS = 1_000;

type Shown = {
  connected: boolean;
  decision: { access: string } | null;
  readings: Partial<Record<CheckId, { at: string }>>;
  orders?: { id: string; action: string; state: string; issuedAt: string; reason: string | null }[];
};

/** The last order that denies or allows. */
function newest({ orders = [] }: Shown): NonNullable<Shown['orders']>[number] | undefined {
  return orders.find(({ action }) => ['deny', 'allow'].includes(action));
}

/** An order as the server shows it. */
export type Ordered = {
  id: string;
  action: string;
  state: string;
  status: number | null;
  reason: string | null;
  issuedAt: string;
  doneAt: string | null;
};

/** A laptop’s agent, as the server and the laptop show it. */
export class Agent {
  readonly device: string;
  readonly node: RigNode;
  readonly #posture: Posture;
  #daemon: Daemon | null = null;

  constructor(posture: Posture, node: RigNode, device: string) {
    this.#posture = posture;
    this.node = node;
    this.device = device;
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error('the agent was not started');
    return this.#daemon;
  }

  /** Resolves when the server has decided about the laptop. */
  async start(): Promise<void> {
    this.#daemon = await this.node.spawn('agent', [NODE_JS, `${CHECKOUT}/src/cli/drawbridge.ts`, 'agent']);
    await this.until(({ decision }) => decision?.access === 'allow', 'leave to connect', 240);
  }

  shown(): Promise<Shown> {
    return this.#posture.ask<Shown>('GET', `/v1/devices/${this.device}`);
  }

  /** Waits until the server shows the laptop as asked for. */
  async until(is: (shown: Shown) => boolean, what: string, seconds = 90): Promise<Shown> {
    const end = Date.now() + seconds * 1_000;
    for (;;) {
      const shown = await this.shown();
      if (is(shown)) return shown;
      if (Date.now() > end)
        throw new Error(`no ${what} within ${seconds} s: ${JSON.stringify(shown).slice(0, 2_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Waits until the laptop has confirmed that it did as the newest order of this kind says. */
  async untilOrdered(action: 'deny' | 'allow'): Promise<void> {
    await this.until((shown) => {
      const last = newest(shown);
      if (last?.action === action && last.state === 'failed') throw new Error(`failed: ${last.reason}`);
      return last?.action === action && ['done', 'proven'].includes(last.state);
    }, `${action} that was done`);
  }

  /** Has everything read now, and answers with what the server then shows of one check. */
  async readAnew(check: CheckId): Promise<unknown> {
    const { readings: before } = await this.shown();
    await this.#scan();
    const { readings } = await this.until(
      (shown) => shown.readings[check]?.at !== before[check]?.at,
      `new reading of ${check}`,
    );
    return readings[check];
  }

  /** Orders something and answers with the order's id. A laptop that is away, as it is after sleep, is told when it comes whether it may connect. */
  async order(action: 'deny' | 'allow' | 'set', more: object = {}): Promise<string> {
    const asked = { action, ...more };
    const { id, hint } = await this.#posture.ask<{ id: string | null; hint: string }>(
      'POST',
      `/v1/devices/${this.device}/orders`,
      asked,
    );
    if (id !== null) return id;
    if (action === 'set' || !hint.startsWith('The device is not connected'))
      throw new Error(`not ordered: ${hint}`);
    const shown = await this.until((now) => newest(now)?.action === action, `order to ${action}`);
    return newest(shown)?.id ?? '';
  }

  /** The last five, newest first. */
  orders(): Promise<Ordered[]> {
    return this.#posture.ask<Ordered[]>('GET', `/v1/orders?device=${this.device}&limit=5`);
  }

  /**
   * Waits until the order is proven; asks seldom, and for the first time after so many milliseconds, since asking costs the
   * emulated machine as much as the order.
   */
  async untilProven(order: string, firstMs = ASK_MS, seconds = 120): Promise<Ordered> {
    const end = Date.now() + seconds * 1_000;
    for (let waitMs = firstMs; ; waitMs = ASK_MS) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      const own = (await this.orders()).find(({ id }) => id === order);
      if (own?.state === 'proven') return own;
      if (own?.state === 'failed' || Date.now() > end)
        throw new Error(`the order was not proven: ${own?.state} ${own?.reason}`);
    }
  }

  /** Starts or ends the forbidden program, and has it reported. */
  async setHealthy(healthy: boolean): Promise<void> {
    await (healthy
      ? this.node.exec(`pkill -x ${FORBIDDEN}`)
      : this.node.must(
          `mkdir -p /usr/local/bin; cp /bin/sleep /usr/local/bin/${FORBIDDEN}; setsid /usr/local/bin/${FORBIDDEN} 100000 < /dev/null > /dev/null 2>&1 &`,
        ));
    await this.#scan();
  }

  async #scan(): Promise<void> {
    await this.#posture.ask('POST', `/v1/devices/${this.device}/orders`, { action: 'scan' });
  }
}
