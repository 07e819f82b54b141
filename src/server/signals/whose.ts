import type { DeviceState } from '../device-state.ts';
import type { Selector } from './signal.ts';

/** Which live device is meant. A name that several have means none: the wrong one must not be cut off. */
export function whoseSignal(
  states: Iterable<DeviceState>,
  selector: Selector,
): DeviceState | 'no_device' | 'ambiguous_device' {
  const found = [...states].filter((state) => isMeant(state, selector));
  const [only] = found;
  if (only === undefined) return 'no_device';
  return found.length === 1 ? only : 'ambiguous_device';
}

function isMeant(state: DeviceState, selector: Selector): boolean {
  if ('id' in selector) return state.id === selector.id.toLowerCase();
  if ('name' in selector) return isSame(state.name, selector.name);
  return sensorsOf(state).some((sensor) => isSame(sensor, selector.sensor));
}

function sensorsOf({ readings }: DeviceState): string[] {
  const reading = readings.agent;
  if (reading?.state !== 'known') return [];
  return Object.values(reading.fact.sensors).filter((sensor) => sensor !== null);
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
