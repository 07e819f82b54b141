import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Terms } from '../decide.ts';
import type { DeviceState } from '../device-state.ts';
import { heldRevoked, holdersOfRevoked } from '../store/certificates.ts';
import { lastOfTarget } from '../store/orders.ts';
import type { Store } from '../store/store.ts';
import { refusalFor } from './may-hold.ts';

export type ReplacingParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  stateOf(device: string): Promise<DeviceState | null>;
  terms(): Terms;
  /** Orders a device to ask for a new certificate; null while it is not connected. */
  orderUpdate(device: string, cause: string): Promise<string | null>;
};

/**
 * Who holds a certificate that was revoked, and may have one, is ordered to ask for a new one: an administrator revoked
 * it, or it was revoked while a laptop slept that wakes up well.
 */
export type Replacing = {
  /** Something may have been revoked, by whomever. Never rejects. */
  look(): Promise<void>;
  /** The device has reported. Costs nothing where it holds nothing that was revoked. */
  heard(device: string): void;
  run(signal: AbortSignal): Promise<void>;
};

const TICK_MS = 1_000;
/** An agent that knows what it lacks asks by itself as soon as it is well. */
const SETTLE_MS = 2_000;
/** One that was asked and still holds the same is not asked all the time. */
const AGAIN_MS = 3_600_000;
const CAUSE = 'its certificate was revoked';

export function createReplacing(parts: ReplacingParts): Replacing {
  const { store, clock, log } = parts;
  // By device, when to look after it (milliseconds): null until it is heard.
  const waiting = new Map<string, number | null>();
  const asked = new Map<string, { serial: string; at: number }>();
  const replace = async (device: string) => {
    const serial = await toReplace(parts, device);
    if (serial === 'nothing') {
      waiting.delete(device);
      asked.delete(device);
      return;
    }
    const before = asked.get(device);
    const isRecent = before?.serial === serial && clock.now() - before.at < AGAIN_MS;
    if (serial === 'not-now' || isRecent || (await parts.orderUpdate(device, CAUSE)) === null) return;
    asked.set(device, { serial, at: clock.now() });
    log.info({ device, serial }, 'new certificate ordered in the place of a revoked one');
  };
  const tick = async (now: number) => {
    for (const [device, at] of waiting) {
      if (at === null || at > now) continue;
      waiting.set(device, null);
      await replace(device);
    }
  };
  return {
    async look() {
      try {
        const now = clock.now();
        for (const device of await store.read((db) => holdersOfRevoked(db, now)))
          waiting.set(device, waiting.get(device) ?? now + SETTLE_MS);
      } catch (error) {
        log.warn({ err: error }, 'revoked certificates not looked after');
      }
    },
    heard(device) {
      if (waiting.get(device) === null) waiting.set(device, clock.now() + SETTLE_MS);
    },
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(TICK_MS, signal).catch(() => {});
        await tick(clock.now()).catch((error: unknown) =>
          log.warn({ err: error }, 'revoked certificate not replaced'),
        );
      }
    },
  };
}

/** The serial of what is to be replaced; `not-now`: not while the device is as it is, or was told to do without. */
async function toReplace(
  { store, clock, stateOf, terms }: ReplacingParts,
  device: string,
): Promise<string | 'nothing' | 'not-now'> {
  // In memory, and so first: after a bad day most of a fleet holds what was revoked.
  if (refusalFor(await stateOf(device), terms(), clock.now()) !== null) return 'not-now';
  const { serial, order } = await store.read(async (db) => ({
    serial: await heldRevoked(db, device, clock.now()),
    order: await lastOfTarget(db, device, 'x-posture:cert'),
  }));
  if (serial === null) return 'nothing';
  return order?.action === 'delete' ? 'not-now' : serial;
}
