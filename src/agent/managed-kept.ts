import { z } from 'zod';
import type { ManagedProblem } from './managed-raw.ts';
import type { Invitation } from './silent-enrolment.ts';

/**
 * Where a value that is in force comes from: what management says now; what it said when that still made sense; or,
 * where it never did, the strictest value that there is, else the default. The local value never takes its place.
 */
export type Origin = 'now' | 'before' | 'fallback';

export type ManagedSetting = { name: string; value: unknown; from: Origin };

/** What device management has a say in. */
export type Managed = {
  /** Where it says so, for people; null where nothing is managed. */
  source: string | null;
  settings: readonly ManagedSetting[];
  problems: readonly ManagedProblem[];
  invitation: Invitation | null;
};

export const NOT_MANAGED: Managed = { source: null, settings: [], problems: [], invitation: null };

/** What management last said that made sense, by setting: the agent keeps it, without the enrolment's secret. */
export const rememberedSchema = () => z.record(z.string().max(100), z.unknown());
export type Remembered = z.infer<ReturnType<typeof rememberedSchema>>;

/** What is worth keeping of it for the day when it makes no sense any more. */
export function worthKeeping({ settings }: Managed): Remembered {
  const kept = settings.filter(({ name, from }) => from !== 'fallback' && !isEnrolment(name));
  return Object.fromEntries(kept.map(({ name, value }) => [name, value]));
}

export function isEnrolment(name: string): boolean {
  return name.startsWith('enrolment.');
}
