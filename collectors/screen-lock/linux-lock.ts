import type { Fact } from '../specs.ts';

/** What one desktop's settings say about its lock. */
export type UserLock = Omit<Fact<'screen-lock'>['users'][number], 'session'>;
