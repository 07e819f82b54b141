import { z } from 'zod';
import { iso, type Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { PublicJwk } from '../wire/envelope.ts';
import { uuid } from '../wire/ids.ts';
import { STATUS, targetOf, type OrderClaims } from '../wire/order.ts';
import { openProfile } from '../wire/sealed-profile.ts';
import { MACHINE_KINDS, setVpn, whichVpn, type SealedProfile, type VpnProfile } from '../wire/vpn.ts';
import { holding, isHeld, type Cause, type Holder, type HolderChange } from './holders.ts';
import type { Ledger, LedgerEntry, Outcome } from './ledger.ts';
import { done, failed, outcomeOf, type OrderHandler, type OrderHandlers, type Plan } from './orders.ts';
import { VpnFailure, type VpnState } from './vpn/driver.ts';
import type { VpnKeeper } from './vpn-keeper.ts';

export type VpnOrdersDeps = {
  keeper: VpnKeeper;
  ledger: Ledger;
  clock: Clock;
  /** Why nothing is done to the VPN of this computer, for a person; null where it is. */
  observing: string | null;
  /** Gateways that this computer may be set to; null: any. */
  allowedGateways: readonly string[] | null;
  /** ECDH of each encryption key that the device has; none while it is not enrolled. */
  agree: () => readonly ((peer: PublicJwk) => Promise<Uint8Array>)[];
  /** Why a profile cannot name the device's own certificate now, for a person; null where it can. */
  certificateProblem(): string | null;
  /** The device's own VPN password, for the user name that it belongs to; null for any other. */
  passwordOf(user: string): Promise<string | null>;
};

type Deps = VpnOrdersDeps;
type Planned = Result<Plan, Outcome>;

/** Longest time for which a computer can be isolated, or its VPN denied, by one order with a duration. */
const MAX_DURATION_MS = 30 * 86_400_000;

/** What the agent can do about VPN and network when it is ordered to. */
export function vpnOrders(deps: VpnOrdersDeps): OrderHandlers {
  const { observing } = deps;
  const handler =
    (plan: (claims: OrderClaims, deps: Deps) => Planned): OrderHandler =>
    (claims) =>
      observing === null
        ? plan(claims, deps)
        : refuse(STATUS.notImplemented, `not-implemented: ${observing}`);
  return {
    'deny x-posture:vpn': handler(deny),
    'allow x-posture:vpn': handler(allow),
    'set x-posture:vpn': handler(set),
    'contain device': handler(contain),
    'cancel command': handler(cancel),
  };
}

function deny(claims: OrderClaims, deps: Deps): Planned {
  const which = whichVpn.safeParse(valueOf(claims));
  const until = untilOf(claims, deps.clock.now());
  if (!which.success || until === 'too-long') return malformed('deny takes {profiles?} and at most 30 days');
  const holder = holderBy(claims, deps.clock.now(), { until, profiles: which.data.profiles ?? null });
  return ok(holderPlan([{ cause: 'server', holder }], () => enforceHeld('server', claims, deps)));
}

function allow(claims: OrderClaims, deps: Deps): Planned {
  // Which of them would have to be told from what is held already: whoever wants that sends a new deny.
  const which = whichVpn.safeParse(valueOf(claims));
  if (!which.success || which.data.profiles !== undefined) return malformed('allow takes {}: everything');
  const lift: HolderChange = { cause: 'server', holder: null };
  return ok(holderPlan([lift], () => enforceLifted('server', deps)));
}

function contain(claims: OrderClaims, deps: Deps): Planned {
  const until = untilOf(claims, deps.clock.now());
  if (until === null || until === 'too-long')
    return malformed('contain needs args.duration, in milliseconds, of at most 30 days');
  const holder = holderBy(claims, deps.clock.now(), { until, profiles: null });
  return ok(holderPlan([{ cause: 'contain', holder }], () => isolate(claims, deps)));
}

/** Takes back what an order put and still holds. */
function cancel(claims: OrderClaims, deps: Deps): Planned {
  const value = valueOf(claims);
  const id = uuid.safeParse(
    typeof value === 'object' && value !== null && 'command_id' in value ? value.command_id : value,
  );
  if (!id.success) return malformed('cancel takes {command_id}');
  const found = holding(deps.ledger.holders).find(([, { order }]) => order === id.data);
  if (found === undefined) return refuse(STATUS.notFound, `nothing of order ${id.data} is in force`);
  const [cause] = found;
  return ok(holderPlan([{ cause, holder: null }], () => enforceLifted(cause, deps)));
}

function set(claims: OrderClaims, deps: Deps): Planned {
  const unknown = unknownKind(valueOf(claims));
  if (unknown !== null) return refuse(STATUS.notImplemented, `not-implemented: ${unknown}`);
  const value = setVpn().safeParse(valueOf(claims));
  if (!value.success) return malformed('set takes {profile, up}');
  const { profile, up } = value.data;
  const { allowedGateways } = deps;
  if (allowedGateways !== null && !allowedGateways.includes(profile.gateway.toLowerCase()))
    return refuse(
      STATUS.refused,
      `not-allowed: ${profile.gateway} is not among this computer’s vpn.allowedGateways`,
    );
  return ok({ holders: [], atOnce: false, run: (signal) => setProfile(profile, up, deps, signal) });
}

const machineOf = z.object({ profile: z.object({ machine: z.object({ kind: z.string().max(60) }) }) });

/** A newer server may know ways of proving a computer that this agent does not. */
function unknownKind(value: unknown): string | null {
  const seen = machineOf.safeParse(value);
  const kind = seen.success ? seen.data.profile.machine.kind : null;
  if (kind === null || MACHINE_KINDS.some((known) => known === kind)) return null;
  return `this agent knows no machine of kind "${kind}"; update it`;
}

async function setProfile(
  sealed: SealedProfile,
  up: boolean,
  { keeper, ledger, agree, passwordOf, certificateProblem }: Deps,
  signal: AbortSignal,
): Promise<Outcome> {
  // Looked at when its turn has come: another order may just have brought one, or taken it away.
  const problem = sealed.machine.kind === 'device-certificate' ? certificateProblem() : null;
  if (problem !== null) return outcomeOf(STATUS.refused, `no-certificate: ${problem}`);
  const [first, ...older] = agree();
  if (first === undefined) return outcomeOf(STATUS.failed, 'this device has no keys');
  let opened = await openProfile(sealed, first);
  for (const agreeWith of older) if (!opened.ok) opened = await openProfile(sealed, agreeWith);
  if (!opened.ok) return outcomeOf(STATUS.malformed, 'the secrets are not for this device’s encryption key');
  const before = summaryOf(keeper.seen);
  const profile = await withOwnPassword(opened.value, passwordOf);
  const after = await keeper.set(profile, up, signal);
  return reached(keeper, ledger, before, after);
}

/** A profile whose user is the device itself gets the password that the device has. */
async function withOwnPassword(profile: VpnProfile, passwordOf: Deps['passwordOf']): Promise<VpnProfile> {
  const { user } = profile;
  if (user === null || user.password !== null) return profile;
  return { ...profile, user: { ...user, password: await passwordOf(user.name) } };
}

async function isolate(claims: OrderClaims, deps: Deps): Promise<Outcome> {
  const { keeper, ledger } = deps;
  try {
    return await enforceHeld('contain', claims, deps);
  } catch (error) {
    // Without a VPN client there is nothing to hold; what was asked for is the isolation.
    if (keeper.isolated && error instanceof VpnFailure && error.status === STATUS.notFound)
      return done({ ...actedAt(keeper), isolated: true, after: summaryOf(keeper.seen) });
    const outcome = failed(error);
    if (outcome.status !== STATUS.notImplemented) throw error;
    await ledger.hold({ cause: 'contain', holder: null });
    await keeper.enforce().catch(() => {});
    return outcome;
  }
}

/** Brings about what this order holds. */
async function enforceHeld(cause: Cause, claims: OrderClaims, { keeper, ledger }: Deps): Promise<Outcome> {
  const before = summaryOf(keeper.seen);
  const after = await keeper.enforce();
  if (ledger.holders[cause]?.order !== claims.jti) return superseded();
  const more = cause === 'contain' ? { isolated: keeper.isolated } : {};
  return done({ ...actedAt(keeper), before, after: summaryOf(after), ...more });
}

async function enforceLifted(cause: Cause, { keeper, ledger }: Deps): Promise<Outcome> {
  const before = summaryOf(keeper.seen);
  const after = await keeper.enforce();
  return ledger.holders[cause] === null ? reached(keeper, ledger, before, after) : superseded();
}

/** Others may hold the VPN down all the same: that is said, since nobody can see it in the state alone. */
function reached(keeper: VpnKeeper, ledger: Ledger, before: unknown, after: VpnState): Outcome {
  const results = { ...actedAt(keeper), before, after: summaryOf(after) };
  if (!isHeld(ledger.holders)) return done(results);
  const causes = holding(ledger.holders).map(([cause]) => cause);
  return outcomeOf(STATUS.done, `done; the VPN is still held by: ${causes.join(', ')}`, {
    ...results,
    heldBy: causes,
  });
}

/** Before the journal is written: what is read from this moment on shows what was done. */
function actedAt(keeper: VpnKeeper): { at?: string } {
  return keeper.actedAt === null ? {} : { at: iso(keeper.actedAt) };
}

/**
 * At a start, once the keeper has recovered: orders that the end of the last run interrupted get their outcome. What
 * restricts was completed with the holders; a profile that was half set was put back; the rest nobody can know.
 */
export async function closeInterrupted(ledger: Ledger, keeper: VpnKeeper, now: number): Promise<void> {
  for (const entry of ledger.unfinished)
    await ledger.finish(entry.jti, afterRestart(entry, ledger, keeper), now);
}

function afterRestart({ action, jti, target }: LedgerEntry, { holders }: Ledger, keeper: VpnKeeper): Outcome {
  if (action === 'set')
    return outcomeOf(STATUS.failed, 'interrupted by a restart; the profile is as it was before');
  const cause = target === 'x-posture:vpn' ? 'server' : target === 'device' ? 'contain' : null;
  const isRestrictive = action === 'deny' || action === 'contain';
  if (cause === null || (!isRestrictive && action !== 'allow'))
    return outcomeOf(STATUS.failed, 'interrupted by a restart');
  const holder = holders[cause];
  if (isRestrictive ? holder?.order !== jti : holder !== null) return superseded();
  if (keeper.problem !== null) return outcomeOf(STATUS.failed, keeper.problem);
  return done({ resumed: true, isolated: keeper.isolated, after: summaryOf(keeper.seen) });
}

const MAX_SHOWN = 20;

/** What a receipt shows of a state: bounded, and nothing that a report does not say. */
export function summaryOf(state: VpnState | null): object | null {
  if (state === null) return null;
  const { profiles, block, interfaces, collateral, problems } = state;
  const few = (texts: readonly string[]) => texts.slice(0, MAX_SHOWN).map((text) => text.slice(0, 300));
  return {
    profiles: profiles
      .slice(0, MAX_SHOWN)
      .map(({ name, state: now }) => ({ name: name.slice(0, 100), state: now })),
    block,
    interfaces: few(interfaces),
    collateral: few(collateral),
    problems: few(problems),
  };
}

function holderPlan(holders: readonly HolderChange[], run: Plan['run']): Plan {
  return { holders, atOnce: true, run };
}

function holderBy(
  { jti, cause }: OrderClaims,
  since: number,
  { until, profiles }: Pick<Holder, 'until' | 'profiles'>,
): Holder {
  return { since, until, profiles, reason: cause.reason, order: jti, checks: [] };
}

function untilOf({ oc2 }: OrderClaims, now: number): number | null | 'too-long' {
  const { duration } = oc2.args;
  if (duration === undefined) return null;
  return duration > MAX_DURATION_MS ? 'too-long' : now + duration;
}

function valueOf(claims: OrderClaims): unknown {
  return claims.oc2.target[targetOf(claims)];
}

function superseded(): Outcome {
  return outcomeOf(STATUS.refused, 'superseded');
}

function malformed(what: string): Planned {
  return refuse(STATUS.malformed, `malformed: ${what}`);
}

function refuse(status: number, text: string): Planned {
  return err(outcomeOf(status, text));
}
