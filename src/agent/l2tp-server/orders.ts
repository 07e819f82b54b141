import { z } from 'zod';
import { iso, type Clock } from '../../base/clock.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { STATUS, targetOf, type OrderClaims } from '../../wire/order.ts';
import type { Ledger, Outcome } from '../ledger.ts';
import { done, outcomeOf, type OrderHandler, type OrderHandlers, type Plan } from '../orders.ts';
import type { Changed, L2tpServerControl } from './control.ts';
import type { Look } from './linux-look.ts';
import type { Closing } from './record.ts';

export type L2tpServerDeps = {
  control: L2tpServerControl | null;
  /** Why nothing is done here, for a person; null where it is. */
  observing: string | null;
  clock: Clock;
  /** Called when an order has changed what is there. */
  changed(): void;
};

const TARGET = 'x-posture:l2tp-server';
const MAX_DURATION_MS = 30 * 86_400_000;

const denying = z.strictObject({
  way: z.enum(['service', 'firewall']).default('service'),
  /** Clients that are connected may be cut off. */
  evenIfUsed: z.boolean().default(false),
});
const allowing = z.strictObject({});

/** `deny | allow x-posture:l2tp-server`. */
export function l2tpServerOrders(deps: L2tpServerDeps): OrderHandlers {
  return { [`deny ${TARGET}`]: handler(deps, deny), [`allow ${TARGET}`]: handler(deps, allow) };
}

type Acting = Pick<L2tpServerDeps, 'clock' | 'changed'> & { control: L2tpServerControl };
type Planning = (claims: OrderClaims, acting: Acting) => Result<Plan, Outcome>;

function handler({ control, observing, clock, changed }: L2tpServerDeps, plan: Planning): OrderHandler {
  return (claims) =>
    control === null || observing !== null
      ? err(outcomeOf(STATUS.notImplemented, `not-implemented: ${observing ?? 'not on this system'}`))
      : plan(claims, { control, clock, changed });
}

function deny(claims: OrderClaims, acting: Acting): Result<Plan, Outcome> {
  const { control, clock } = acting;
  const value = denying.safeParse(claims.oc2.target[targetOf(claims)] ?? {});
  const { duration } = claims.oc2.args;
  if (!value.success || (duration ?? 0) > MAX_DURATION_MS)
    return malformed('deny takes {way?, evenIfUsed?} and at most 30 days');
  const until = duration === undefined ? null : clock.now() + duration;
  const { jti: order, cause } = claims;
  const wish = { ...value.data, until, reason: cause.reason, order };
  return ok(planOf(() => control.close(wish), acting));
}

function allow(claims: OrderClaims, acting: Acting): Result<Plan, Outcome> {
  const value = allowing.safeParse(claims.oc2.target[targetOf(claims)] ?? {});
  return value.success ? ok(planOf(() => acting.control.reopen(), acting)) : malformed('allow takes {}');
}

function planOf(change: () => Promise<Changed>, { clock, changed }: Omit<Acting, 'control'>): Plan {
  const run = async () => {
    const { before, after, closing } = await change();
    // The report that is to prove it may begin before the outcome is on disk.
    const at = iso(clock.now());
    changed();
    return done({ at, before: shown(before), after: shown(after), closing: shownClosing(closing) });
  };
  return { holders: [], atOnce: false, run };
}

/** Bounded, and nothing that a report does not say. */
function shown({ fact, connected, ssh, attempts }: Look): object {
  return {
    verdict: fact?.verdict ?? null,
    listening: fact?.listening.slice(0, 10) ?? null,
    services: fact?.services.slice(0, 10) ?? null,
    connected: connected.length,
    ssh,
    attempts,
  };
}

function shownClosing(closing: Closing | null): object | null {
  return closing === null ? null : { way: closing.way, units: closing.units, until: closing.until };
}

/** At a start: completes what was begun, and gives interrupted orders their outcome. */
export async function recoverL2tpServer(
  { control, clock }: Pick<L2tpServerDeps, 'control' | 'clock'>,
  ledger: Ledger,
): Promise<void> {
  const outcome = await resumed(control);
  for (const { jti, target, action } of ledger.unfinished.filter((one) => one.target === TARGET))
    await ledger.finish(jti, outcome(jti, action === 'deny' && target === TARGET), clock.now());
}

async function resumed(
  control: L2tpServerControl | null,
): Promise<(jti: string, isDeny: boolean) => Outcome> {
  try {
    const closing = (await control?.recover()) ?? null;
    return (jti, isDeny) =>
      (isDeny ? closing?.order === jti : closing === null)
        ? done({ resumed: true, closing: shownClosing(closing) })
        : outcomeOf(STATUS.failed, 'interrupted by a restart; nothing was changed by it');
  } catch (error) {
    return () =>
      outcomeOf(STATUS.failed, error instanceof Error ? error.message : 'interrupted by a restart');
  }
}

function malformed(what: string): Result<Plan, Outcome> {
  return err(outcomeOf(STATUS.malformed, `malformed: ${what}`));
}
