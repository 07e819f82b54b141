import type { Reader } from '../../../collectors/check.ts';
import type { L2tpServer } from '../../../collectors/l2tp-server/spec.ts';
import { iso, type Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Ledger } from '../ledger.ts';
import type { OrderHandlers } from '../orders.ts';
import type { L2tpServerControl } from './control.ts';
import { l2tpServerOrders, recoverL2tpServer } from './orders.ts';

export type L2tpServerPart = {
  handlers: OrderHandlers;
  /** The check's reader, which also says what is closed here. */
  reader: Reader<L2tpServer>;
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
  read: Reader<L2tpServer>;
  /** Called when an order has changed what is there. */
  changed(): void;
};

/** The agent's hold on an L2TP server that nobody meant to run. */
export function l2tpServerPart({
  control,
  isRoot,
  mode,
  ledger,
  clock,
  log,
  read,
  changed,
}: Deps): L2tpServerPart {
  const observing =
    control === null
      ? 'on this system L2TP servers are found, not closed'
      : mode === 'observe'
        ? 'this computer is set to observe only (vpn.mode: observe)'
        : isRoot
          ? null
          : 'the agent does not run as root';
  const deps = { control: observing === null ? control : null, observing, clock, changed };
  return {
    handlers: l2tpServerOrders(deps),
    reader: deps.control === null ? read : withHeld(read, deps.control),
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

function withHeld(read: Reader<L2tpServer>, control: L2tpServerControl): Reader<L2tpServer> {
  return async (host) => {
    const [observed, held] = await Promise.all([read(host), control.held()]);
    if (observed.state !== 'known') return observed;
    if (held === null) return { ...observed, fact: { ...observed.fact, closed: null } };
    const { way, since, until } = held.closing;
    const ends = until === null ? null : iso(until);
    const closed = { way, since: iso(since), until: ends, attempts: held.attempts };
    return { ...observed, fact: { ...observed.fact, closed } };
  };
}
