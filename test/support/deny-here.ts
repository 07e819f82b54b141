// Denies the VPN of the network namespace that this runs in. Argument: a state folder.
import { pino } from 'pino';
import { NO_QUESTIONS } from '../../collectors/check.ts';
import { createHost } from '../../src/agent/host.ts';
import { REPLAYED_SELF } from '../../src/agent/replay.ts';
import { linuxVpn } from '../../src/agent/vpn/linux.ts';

const [stateFolder = ''] = process.argv.slice(2);
const host = createHost({ self: () => REPLAYED_SELF, questions: NO_QUESTIONS, platform: 'linux' });
await linuxVpn({ host, stateFolder, log: pino({ level: 'silent' }) }).apply({
  state: 'denied',
  profiles: null,
});
