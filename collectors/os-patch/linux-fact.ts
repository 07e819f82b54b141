import { z } from 'zod';
import { iso } from '../../src/base/clock.ts';
import type { Host } from '../check.ts';
import type { OsPatch } from './spec.ts';

export const MAX_NAMES = 50;

const count = z.number().int().nonnegative();

/** What a package manager would install, as it is kept in the cache. */
export const pendingAnswer = z.object({
  /** Null where only the security updates could be counted. */
  total: count.nullable(),
  /** Null where this source does not say which of them close security holes. */
  security: count.nullable(),
  names: z.array(z.string()).max(MAX_NAMES),
});

export type Pending = z.infer<typeof pendingAnswer>;

/** The counts as the fact states them; all null when nothing could be counted. */
export function pendingFields(
  pending: Pending | null,
): Pick<OsPatch, 'pending' | 'pendingSecurity' | 'pendingNames'> {
  if (pending === null) return { pending: null, pendingSecurity: null, pendingNames: null };
  return {
    pending: pending.total,
    pendingSecurity: pending.security,
    pendingNames: pending.total === null ? null : pending.names,
  };
}

/** The names that are sent along. */
export function someNames(names: readonly string[]): string[] {
  return names.slice(0, MAX_NAMES).map((name) => name.slice(0, 200));
}

export type Reboot = { required: boolean; reason: string | null };

/** Null: nothing proves either answer. */
export function rebootFields(reboot: Reboot | null): Pick<OsPatch, 'rebootRequired' | 'rebootReason'> {
  return { rebootRequired: reboot?.required ?? null, rebootReason: reboot?.reason ?? null };
}

/** When a file or folder last changed, ISO 8601. */
export async function modifiedAt(host: Host, path: string): Promise<string | null> {
  const status = await host.status(path);
  return status.ok ? iso(status.value.modifiedMs) : null;
}

export function latest(times: readonly (string | null)[]): string | null {
  return (
    times
      .filter((time) => time !== null)
      .toSorted()
      .at(-1) ?? null
  );
}
