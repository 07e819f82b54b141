// The reader of disk encryption as a process of its own inside the guest; prints its reading.
import { read } from '../../collectors/disk-encryption/linux.ts';
import { createHost } from '../../src/agent/host.ts';

const self = {
  version: 'test',
  startedAt: new Date().toISOString(),
  keyProtection: null,
  integrity: null,
  spoolDropped: 0,
  crashes: 0,
  managed: [],
};
const host = createHost({ self: () => self, questions: { watch: [], tags: {} } });
process.stdout.write(`${JSON.stringify(await read(host))}\n`);
