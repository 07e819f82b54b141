import { unknown } from '../../src/base/reading.ts';

export const read = async () => unknown('unsupported', 'Not read yet.');
