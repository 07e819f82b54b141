import { STATUS } from '../../wire/order.ts';
import { VpnFailure, type VpnDriver, type VpnState } from './driver.ts';

const NOTHING = 'No L2TP client that this agent knows was found on this computer.';

const state: VpnState = {
  profiles: [],
  block: 'none',
  interfaces: [],
  collateral: [],
  problems: [NOTHING],
};

/** Where no VPN software was found: nothing is there to be denied, which is said and not passed off as done. */
export const nullDriver: VpnDriver = {
  inspect: async () => state,
  apply: (want) =>
    want.state === 'allowed'
      ? Promise.resolve(state)
      : Promise.reject(new VpnFailure(NOTHING, STATUS.notFound, state)),
  restore: async () => {},
};
