import { z } from 'zod';
import { isCheckId } from '../../collectors/specs.ts';
import type { UnknownSince } from './judge.ts';

/*
 * zod holds on to the first schema of each kind for ever, and so to all that its functions see. Of those with functions
 * that is this one, which judging needs anyway, and none of those that read policies and are to be forgotten.
 */

/** A time of each check, milliseconds; checks that only a newer version knows are left out. */
export const checkTimes = z
  .record(z.string(), z.number().int().nonnegative())
  .transform(
    (all) => Object.fromEntries(Object.entries(all).filter(([id]) => isCheckId(id))) as UnknownSince,
  );
