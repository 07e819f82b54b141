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
  const left = new Map<string, string>();
  return {
    take(live) {
      const before = byDevice.get(live.device);
      byDevice.set(live.device, live);
      left.delete(live.device);
      before?.close('superseded');
    },
    release(live) {
      if (byDevice.get(live.device) !== live) return;
      byDevice.delete(live.device);
      left.set(live.device, live.remote);
    },
    of: (device) => byDevice.get(device),
    at: (remote) => [...byDevice.values()].filter((live) => live.remote === remote),
    leftFrom: (remote) => [...left].flatMap(([device, where]) => (where === remote ? [device] : [])),
    all: () => byDevice.values(),
    count: () => byDevice.size,
  };
}
