import { unknown } from '../../src/base/reading.ts';

/** The policy has no way of asking a tag yet, so no system has anything to look for. */
export const read = async () => unknown('not-applicable', 'The policy asks no tags.');
