// The reader of disk encryption as a process of its own inside the guest; prints its reading.
import { read } from '../../collectors/disk-encryption/linux.ts';
import { thisNode } from './in-guest.ts';

process.stdout.write(`${JSON.stringify(await read(thisNode()))}\n`);
