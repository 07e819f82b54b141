import { z } from 'zod';
import { uuid } from '../wire/ids.ts';
import type { VpnWanted } from './vpn/driver.ts';

/** Who can hold the VPN down: an order, the device's own judgement, an isolation. */
export const CAUSES = ['server', 'standing', 'contain'] as const;
export type Cause = (typeof CAUSES)[number];

const holder = () =>
  z.object({
    /** Milliseconds, by the corrected clock, as `until`: when it ends by itself; null: only by its owner. */
    since: z.number(),
    until: z.number().nullable(),
    reason: z.string().max(500),
    /** The profiles that it is about; null: all. */
    profiles: z.array(z.string()).nullable(),
    /** The order that put it; null where it was no order. */
    order: uuid.nullable(),
    /** Checks that had failed, for the device's own judgement. */
    checks: z.array(z.string()).default([]),
  });

export type Holder = z.infer<ReturnType<typeof holder>>;

export const holdersState = () =>
  z.object({
    server: holder().nullable().default(null),
    standing: holder().nullable().default(null),
    contain: holder().nullable().default(null),
  });

/** One holder a cause at most. The VPN is allowed while there is none; each is lifted by its own owner only. */
export type Holders = z.infer<ReturnType<typeof holdersState>>;

/** Puts a holder, or lifts it (null). */
export type HolderChange = { cause: Cause; holder: Holder | null };

export const NOBODY: Holders = { server: null, standing: null, contain: null };

export function withChange(holders: Holders, { cause, holder }: HolderChange): Holders {
  return { ...holders, [cause]: holder };
}

export function holding(holders: Holders): [Cause, Holder][] {
  return CAUSES.flatMap((cause) => {
    const one = holders[cause];
    return one === null ? [] : [[cause, one]];
  });
}

export function isHeld(holders: Holders): boolean {
  return CAUSES.some((cause) => holders[cause] !== null);
}

/** The state of the VPN that all holders together want: whatever any of them denies is denied. */
export function wantedOf(holders: Holders): Exclude<VpnWanted, { state: 'set' }> {
  const all = holding(holders).map(([, { profiles }]) => profiles);
  if (all.length === 0) return { state: 'allowed' };
  const named = all.filter((profiles) => profiles !== null);
  const profiles = named.length < all.length ? null : [...new Set(named.flat())].toSorted();
  return { state: 'denied', profiles };
}

/** Causes whose time is over. */
export function lapsed(holders: Holders, now: number): Cause[] {
  return holding(holders)
    .filter(([, { until }]) => until !== null && until <= now)
    .map(([cause]) => cause);
}

/** When the next holder ends by itself; null when none does. */
export function nextLapse(holders: Holders): number | null {
  const times = holding(holders).flatMap(([, { until }]) => (until === null ? [] : [until]));
  return times.length === 0 ? null : Math.min(...times);
}
