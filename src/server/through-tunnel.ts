import type { Logger } from '../base/log.ts';
import type { Clock } from '../base/clock.ts';
import type { DeviceState } from './device-state.ts';
import { raiseAlarm } from './store/alarms.ts';
import type { Store } from './store/store.ts';

/** Whether the device speaks to us through its own VPN: it comes from the address that the tunnel has given it. */
export function isThroughTunnel({ readings }: DeviceState, remote: string): boolean {
  const reading = readings['vpn-client'];
  if (reading?.state !== 'known') return false;
  return reading.fact.profiles.some(({ state, address }) => state === 'up' && address === remote);
}

type TunnelParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  /** Brings memory level with the store. */
  changed(device: string): Promise<void>;
};

/**
 * Raises an alarm for a device that reaches us through the tunnel: where that is its only way, it could never be let
 * in again once its VPN was denied.
 */
export async function noticeThroughTunnel(
  { store, clock, log, changed }: TunnelParts,
  state: DeviceState,
  remote: string | undefined,
): Promise<void> {
  if (remote === undefined || state.alarms.includes('through_tunnel') || !isThroughTunnel(state, remote))
    return;
  const alarm = { device: state.id, kind: 'through_tunnel' as const, detail: `from ${remote}` };
  if (!(await store.write((db) => raiseAlarm(db, alarm, clock.now())))) return;
  log.error({ device: state.id, remote }, 'a device reaches this server through its own VPN');
  await changed(state.id);
}
