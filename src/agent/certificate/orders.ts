import type { Clock } from '../../base/clock.ts';
import { err, ok } from '../../base/result.ts';
import { STATUS } from '../../wire/order.ts';
import type { Ledger } from '../ledger.ts';
import { done, outcomeOf, type OrderHandlers } from '../orders.ts';
import type { CertificateKeeper } from './keeper.ts';

const refuse = () =>
  err(outcomeOf(STATUS.notImplemented, 'not-implemented: no certificates are kept on this computer'));

type Deps = { keeper: CertificateKeeper | null; ledger: Ledger; clock: Clock };

const TARGET = 'x-posture:cert';
/** Below what an order may take as a whole. */
const WAIT_MS = 50_000;
const LOOK_MS = 50;

/** `update | delete x-posture:cert`: a new certificate now, or none. */
export function certificateOrders({ keeper, clock }: Omit<Deps, 'ledger'>): OrderHandlers {
  if (keeper === null) {
    return { [`update ${TARGET}`]: refuse, [`delete ${TARGET}`]: refuse };
  }
  return {
    [`update ${TARGET}`]: () =>
      ok({ holders: [], atOnce: false, run: (signal) => renewed(keeper, clock, signal) }),
    [`delete ${TARGET}`]: () =>
      ok({
        holders: [],
        atOnce: false,
        async run() {
          await keeper.drop();
          return keeper.held === null
            ? done({ certificate: null })
            : outcomeOf(STATUS.failed, 'the certificate was not removed');
        },
      }),
  };
}

async function renewed(keeper: CertificateKeeper, clock: Clock, signal: AbortSignal) {
  const before = keeper.held?.serial ?? null;
  await keeper.renew();
  const end = clock.monotonic() + WAIT_MS;
  while (clock.monotonic() < end && !signal.aborted) {
    const { held } = keeper;
    if (held !== null && held.serial !== before && held.installed) return done({ certificate: held.serial });
    await clock.sleep(LOOK_MS, signal).catch(() => {});
  }
  return outcomeOf(STATUS.failed, keeper.problem ?? 'the server has not given a certificate yet');
}

/** What a restart interrupted is not begun again: whether a certificate is due is seen anew. */
export async function closeCertificateOrders({ ledger, clock }: Omit<Deps, 'keeper'>): Promise<void> {
  const outcome = outcomeOf(STATUS.failed, 'interrupted by a restart');
  for (const { jti, target } of ledger.unfinished)
    if (target === TARGET) await ledger.finish(jti, outcome, clock.now());
}
