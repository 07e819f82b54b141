import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Ledger } from '../ledger.ts';
import type { OrderHandlers } from '../orders.ts';
import type { L2tpServerControl } from './control.ts';
import { l2tpServerOrders, recoverL2tpServer } from './orders.ts';

export type L2tpServerPart = {
  handlers: OrderHandlers;
  /** Before the VPN's own recovery: interrupted orders get their outcome. */
  recover(): Promise<void>;
  /** After each collection: reopens what is over. Never rejects. */
  check(): Promise<void>;
};

type Deps = {
  control: L2tpServerControl | null;
  isRoot: boolean;
  mode: 'auto' | 'enforce' | 'observe';
  ledger: Ledger;
  clock: Clock;
  log: Logger;
};

/** The agent's hold on an L2TP server that nobody meant to run. */
export function l2tpServerPart({ control, isRoot, mode, ledger, clock, log }: Deps): L2tpServerPart {
  const observing =
    control === null
      ? 'on this system L2TP servers are found, not closed'
      : mode === 'observe'
        ? 'this computer is set to observe only (vpn.mode: observe)'
        : isRoot
          ? null
          : 'the agent does not run as root';
  const deps = { control: observing === null ? control : null, observing, clock };
  return {
    handlers: l2tpServerOrders(deps),
    recover: () => recoverL2tpServer(deps, ledger),
    async check() {
      try {
        await deps.control?.recover();
      } catch (error) {
        log.warn({ err: error }, 'the L2TP server could not be brought to its state');
      }
    },
  };
}
