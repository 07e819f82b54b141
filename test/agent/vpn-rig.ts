// The agent's hold on a VPN without the agent: journal, keeper and orders over a VPN client in memory.
import { deviceUrn, serverUrn } from '../../src/wire/ids.ts';
import { NOBODY } from '../../src/agent/holders.ts';
import { Ledger, type LedgerState, type Outcome } from '../../src/agent/ledger.ts';
import { createOrders, type DueReceipt } from '../../src/agent/orders.ts';
import { sessionSigner } from '../../src/agent/keys.ts';
import type { StateFile } from '../../src/agent/state-file.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import type { Isolating } from '../../src/agent/isolation-hold.ts';
import { VpnKeeper, type KeeperDeps } from '../../src/agent/vpn-keeper.ts';
import { closeInterrupted, vpnOrders, type VpnOrdersDeps } from '../../src/agent/vpn-orders.ts';
import type { VpnDriver } from '../../src/agent/vpn/driver.ts';
import type { Clock } from '../../src/base/clock.ts';
import { seal, TYP } from '../../src/wire/envelope.ts';
import type { Action, OrderClaims, Target } from '../../src/wire/order.ts';
import { quiet } from './harness.ts';

const orderKey = await sessionSigner();
const device = uuidv7(1);

export const identity = {
  device,
  ueid: `AQ${'A'.repeat(21)}`,
  orderRoot: 'R'.repeat(43),
  orderKeys: [orderKey.jwk],
};

/** A disk that remembers; `broken` makes it refuse. */
export class MemoryFile implements StateFile<LedgerState> {
  readonly path = 'memory';
  broken = false;
  content: LedgerState | null = null;
  onWrite: (state: LedgerState) => Promise<void> | void = () => {};

  async read(): Promise<LedgerState | null> {
    return this.content === null ? null : structuredClone(this.content);
  }

  async write(value: LedgerState): Promise<void> {
    await this.onWrite(value);
    if (this.broken) throw new Error('disk full');
    this.content = structuredClone(value);
  }

  get holders() {
    return this.content?.holders ?? NOBODY;
  }
}

export class MemoryIsolation implements Isolating {
  on = false;
  /** Somebody has changed the rules. */
  altered = false;
  fail: Error | null = null;
  asked = 0;

  async inspect() {
    const state = this.altered ? 'unknown' : 'isolated';
    return { state: this.on ? (state as 'unknown' | 'isolated') : ('none' as const) };
  }

  async apply(): Promise<void> {
    this.asked += 1;
    if (this.fail !== null) throw this.fail;
    this.on = true;
  }

  async lift(): Promise<void> {
    this.on = false;
    this.altered = false;
  }
}

export type VpnRigOptions = {
  driver: VpnDriver;
  clock: Clock;
  file?: MemoryFile;
  isolation?: MemoryIsolation;
  limits?: KeeperDeps['limits'];
  change?: Partial<VpnOrdersDeps>;
};

export async function vpnRig(options: VpnRigOptions) {
  const {
    driver,
    clock,
    file = new MemoryFile(),
    isolation = new MemoryIsolation(),
    limits,
    change,
  } = options;
  const ledger = await Ledger.open(file);
  const acted = { times: 0 };
  const keeper = new VpnKeeper({
    driver,
    isolation,
    ledger,
    clock,
    log: quiet,
    onActed: () => void (acted.times += 1),
    limits: limits ?? {},
  });
  const receipts: DueReceipt[] = [];
  const handlers = vpnOrders({
    keeper,
    ledger,
    clock,
    observing: null,
    allowedGateways: null,
    agree: () => [],
    certificateProblem: () => null,
    passwordOf: async () => null,
    ...change,
  });
  const orders = createOrders({
    ledger,
    handlers,
    clock,
    log: quiet,
    onReceipt: (due) => receipts.push(due),
  });
  return {
    file,
    isolation,
    ledger,
    keeper,
    acted,
    receipts,
    async recover() {
      await keeper.recover();
      await closeInterrupted(ledger, keeper, clock.now());
    },
    /** Takes an order and answers with its outcome. */
    async order(order: Asked): Promise<Outcome | null> {
      const claims = claimsFor(order, clock);
      await orders.take(await seal(TYP.order, claims, orderKey), identity);
      return ledger.find(claims.jti)?.outcome ?? null;
    },
  };
}

export type VpnRig = Awaited<ReturnType<typeof vpnRig>>;

export type Asked = {
  action: Action;
  target?: Target;
  value?: unknown;
  duration?: number;
  oseq?: number;
  jti?: string;
};

let last = 0;

function claimsFor(asked: Asked, clock: Clock): OrderClaims {
  const { action, target = 'x-posture:vpn', value = {}, duration, jti = uuidv7(clock.now()) } = asked;
  last += 1;
  const now = Math.floor(clock.now() / 1_000);
  const args = { response_requested: 'complete' as const, ...(duration === undefined ? {} : { duration }) };
  return {
    iss: serverUrn(identity.orderRoot),
    aud: deviceUrn(device),
    jti,
    iat: now,
    nbf: now,
    exp: now + 60,
    oseq: asked.oseq ?? last,
    cause: { reason: 'because' },
    oc2: { action, target: { [target]: value }, args, command_id: jti },
  };
}
