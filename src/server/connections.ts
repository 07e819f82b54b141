import type { ServerFrame } from '../wire/frames.ts';
import type { Refusal } from '../wire/refusal.ts';

/** A connection that has shown a session. */
export type Live = {
  device: string;
  boot: string;
  /** Where the device's packets come from: an IP address in its shortest form. */
  remote: string;
  /** Milliseconds. */
  since: number;
  send(frame: ServerFrame): void;
  /** Asks the device for a report now. */
  challenge(want: 'full' | 'heartbeat', deadlineSeconds: number): void;
  /** Says goodbye and closes. */
  close(code: Refusal): void;
  /** Closes without a word: the device connects again, and is welcomed with what holds then. */
  drop(): void;
};

/** Which device is connected where: one connection each. */
export type Connections = {
  /** Makes `live` its device's connection; the one before is closed. */
  take(live: Live): void;
  /** No-op for a connection that another took over from. */
  release(live: Live): void;
  of(device: string): Live | undefined;
  /** Devices that are present behind an address. */
  at(remote: string): Live[];
  /** Devices that are connected nowhere now, and were last behind this address. Known since the server's start. */
  leftFrom(remote: string): string[];
  all(): Iterable<Live>;
  count(): number;
};

export function createConnections(): Connections {
  const byDevice = new Map<string, Live>();
  const present = byAddress<Live>();
  const left = new Map<string, string>();
  const leftBehind = byAddress<string>();
  const remove = (live: Live) => {
    byDevice.delete(live.device);
    present.delete(live.remote, live);
  };
  const returned = (device: string) => {
    leftBehind.delete(left.get(device) ?? '', device);
    left.delete(device);
  };
  return {
    take(live) {
      const before = byDevice.get(live.device);
      if (before !== undefined) remove(before);
      byDevice.set(live.device, live);
      present.add(live.remote, live);
      returned(live.device);
      before?.close('superseded');
    },
    release(live) {
      if (byDevice.get(live.device) !== live) return;
      remove(live);
      left.set(live.device, live.remote);
      leftBehind.add(live.remote, live.device);
    },
    of: (device) => byDevice.get(device),
    at: present.at,
    leftFrom: leftBehind.at,
    all: () => byDevice.values(),
    count: () => byDevice.size,
  };
}

/** Each login asks who is behind one address, of all devices. */
function byAddress<T>() {
  const sets = new Map<string, Set<T>>();
  return {
    add(address: string, one: T): void {
      const set = sets.get(address) ?? new Set();
      sets.set(address, set.add(one));
    },
    delete(address: string, one: T): void {
      const set = sets.get(address);
      set?.delete(one);
      if (set?.size === 0) sets.delete(address);
    },
    at: (address: string): T[] => [...(sets.get(address) ?? [])],
  };
}
