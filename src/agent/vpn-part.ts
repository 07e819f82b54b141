import { untilAborted, type Actor } from '../base/actors.ts';
import { iso, type Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { STATUS } from '../wire/order.ts';
import type { AgentConfig } from './config-schema.ts';
import { holding } from './holders.ts';
import type { Isolating } from './isolation-hold.ts';
import type { Judgement } from './judgement.ts';
import type { KeyStore } from './keys.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import type { OrderHandlers } from './orders.ts';
import { standingStep } from './standing-step.ts';
import type { StandingPolicy } from './standing.ts';
import type { StatusBoard, VpnStatus } from './status.ts';
import { closeInterrupted, vpnOrders } from './vpn-orders.ts';
import { isLive, VpnKeeper } from './vpn-keeper.ts';
import { VpnFailure, type SeenProfile, type VpnDriver } from './vpn/driver.ts';
import { nullDriver } from './vpn/null.ts';
import type { OpenedVpn } from './vpn/open-vpn.ts';

export type VpnPartDeps = {
  settings: AgentConfig['vpn'];
  /** Null where this agent was given no way to a VPN at all. */
  opened: OpenedVpn | null;
  isolation: Isolating;
  isRoot: boolean;
  ledger: Ledger;
  clock: Clock;
  log: Logger;
  status: StatusBoard;
  /** The keys that count, and those before them, to which a secret may still be sealed. */
  keys: () => readonly KeyStore[];
  /** Why a profile cannot name the device's own certificate now, for a person; null where it can. */
  certificateProblem(): string | null;
  /** The device's own VPN password, for the user name that it belongs to; null for any other. */
  passwordOf(user: string): Promise<string | null>;
  standing: () => StandingPolicy | null;
  /** When the policy that is held ends, or has ended (milliseconds); null before the first. */
  standingUntil: () => number | null;
  /** Asked for whenever the VPN was moved: the server should see it at once. */
  prove(): void;
};

/** The agent's hold on this computer's VPN. */
export type VpnPart = {
  keeper: VpnKeeper;
  /** What goes on while the agent runs. */
  actors: Actor[];
  /** Why orders do not touch the VPN of this computer; null where they do. */
  observing: string | null;
  handlers: OrderHandlers;
  /** Before anything else starts: what is to be held is held, and interrupted orders get their outcome. */
  recover(): Promise<void>;
  /** Brings the status level with how things stand. */
  tell(): void;
  /** The computer is known under this id: what another enrolment had ordered is let go. Never rejects. */
  adopt(device: string): Promise<void>;
  /** Whether there is exactly one connection, and it can be asked to come up. */
  canBringUp(): boolean;
  /** Brings it up, as its user asks. Rejects with a sentence where it does not come up. */
  bringUp(): Promise<unknown>;
  /** After each collection: the device's own judgement, and whether what is held still is. */
  onJudged(judged: Judgement): Promise<void>;
};

export function createVpnPart(deps: VpnPartDeps): VpnPart {
  const { ledger, clock, settings, opened } = deps;
  const observing = whyObserving(deps);
  const keeper = new VpnKeeper({
    ...deps,
    driver: (opened ?? nothing).driver,
    onActed() {
      tell(deps, keeper, observing);
      deps.prove();
    },
  });
  const agree = () => {
    return deps.keys().map((keys) => keys.agree.bind(keys));
  };
  const allowedGateways = settings.allowedGateways?.map((name) => name.toLowerCase()) ?? null;
  return {
    keeper,
    actors: observing === null && opened !== null ? [keeper, standby(opened.driver)] : [keeper],
    observing,
    handlers: vpnOrders({
      keeper,
      ledger,
      clock,
      observing,
      allowedGateways,
      agree,
      passwordOf: deps.passwordOf,
      certificateProblem: deps.certificateProblem,
    }),
    async recover() {
      await (observing === null ? keeper.recover() : letGo(deps, keeper));
      await closeInterrupted(ledger, keeper, clock.now());
      tell(deps, keeper, observing);
    },
    tell: () => tell(deps, keeper, observing),
    async adopt(device) {
      try {
        if ((await ledger.adopt(device)) && observing === null) await keeper.enforce();
      } catch (error) {
        deps.log.error({ err: error }, 'what an earlier enrolment had ordered is not let go');
      }
    },
    canBringUp: () =>
      observing === null && opened?.driver.bringUp !== undefined && onlyProfile(keeper) !== null,
    async bringUp() {
      const profile = onlyProfile(keeper);
      if (profile === null)
        throw new Error('Which VPN connection is meant is not clear: there is not exactly one.');
      return keeper.bringUp(profile);
    },
    async onJudged(judged) {
      if (observing === null) {
        await judgeStanding(deps, keeper, judged);
        await keeper.check();
      }
      tell(deps, keeper, observing);
    },
  };
}

function standby(driver: VpnDriver): Actor {
  return { name: 'vpn-standby', run: (signal) => driver.standBy?.(signal) ?? untilAborted(signal) };
}

function onlyProfile(keeper: VpnKeeper): SeenProfile | null {
  const usable = keeper.seen?.profiles.filter(({ enabled }) => enabled !== false) ?? [];
  return usable.length === 1 ? (usable[0] ?? null) : null;
}

const nothing: OpenedVpn = { name: 'none', driver: nullDriver, defaultMode: 'observe' };

/** Where this system cannot be isolated by us. */
export const noIsolation: Isolating = {
  inspect: async () => ({ state: 'none' }),
  apply: () =>
    Promise.reject(new VpnFailure('This computer cannot be isolated.', STATUS.notImplemented, null)),
  lift: async () => {},
};

/** Why orders do not touch the VPN of this computer; null where they do. */
function whyObserving({ settings, opened, isRoot }: VpnPartDeps): string | null {
  const { mode } = settings;
  if (mode === 'observe') return 'this computer is set to observe its VPN only (vpn.mode: observe)';
  if (opened === null) return 'this agent has no way to the VPN of this computer';
  if (mode === 'enforce') return null;
  if (opened.defaultMode === 'observe')
    return 'on this system the VPN is only observed unless the settings say vpn.mode: enforce';
  return isRoot ? null : 'the agent does not run as root, so it can only observe the VPN';
}

/** A computer that was set to observe only is not left with a block that nobody can lift any more. */
async function letGo({ ledger, log }: VpnPartDeps, keeper: VpnKeeper): Promise<void> {
  const causes = holding(ledger.holders).map(([cause]) => cause);
  if (causes.length === 0) return;
  log.warn({ causes }, 'the VPN is only observed from now on; what held it is lifted');
  for (const cause of causes) await ledger.hold({ cause, holder: null });
  await keeper.recover();
  await keeper.enforce().catch(() => {});
}

async function judgeStanding(deps: VpnPartDeps, keeper: VpnKeeper, judged: Judgement): Promise<void> {
  const { ledger, clock, log, status } = deps;
  const policy = deps.standing();
  const rules =
    policy === null ? null : { standing: policy.policy.standing, breakGlassUntil: policy.breakGlassUntil };
  const { lastAckAt } = status.current;
  const heardAt = lastAckAt === null ? null : Date.parse(lastAckAt);
  const before = ledger.holders.standing;
  const step = standingStep(before, rules, { judged, heardAt, now: clock.now() });
  if (step === 'keep') return;
  try {
    await ledger.hold({ cause: 'standing', holder: step });
  } catch (error) {
    log.error({ err: error }, 'the journal could not be written');
    if (step === null) return;
  }
  if (before === null)
    log.warn({ reason: step?.reason }, 'the VPN is taken down by the device’s own judgement');
  if (step === null) log.info('the device’s own judgement lets the VPN up again');
  if (before === null || step === null) await keeper.enforce().catch(() => {});
}

function tell(
  { status, ledger, opened, standingUntil }: VpnPartDeps,
  keeper: VpnKeeper,
  observing: string | null,
): void {
  const { newest, holders } = ledger;
  const until = standingUntil();
  status.update({
    standingUntil: until === null ? null : iso(until),
    vpn: {
      driver: opened?.name ?? 'none',
      observing,
      block: keeper.seen?.block ?? null,
      live: isLive(keeper.seen, null),
      interfaces: keeper.seen?.interfaces ?? [],
      isolated: keeper.isolated,
      holders: holding(holders).map(([cause, { since, until, reason }]) => ({
        cause,
        since: iso(since),
        until: until === null ? null : iso(until),
        reason,
      })),
      problem: keeper.problem,
      lastOrder: newest === null ? null : shownOrder(newest),
    },
  });
}

function shownOrder({
  jti,
  action,
  target,
  phase,
  outcome,
  finishedAt,
}: LedgerEntry): NonNullable<VpnStatus['lastOrder']> {
  return {
    id: jti,
    action,
    target,
    phase,
    status: outcome?.status ?? null,
    text: outcome?.text ?? null,
    at: finishedAt === null ? null : iso(finishedAt),
  };
}
