// Closes or reopens the L2TP server of the machine that it runs in, and dies at the step it is told: VERB STATE [STEP].
import { NO_QUESTIONS } from '../../collectors/check.ts';
import { createHost } from '../../src/agent/host.ts';
import { openL2tpServer } from '../../src/agent/l2tp-server/open.ts';
import { REPLAYED_SELF } from '../../src/agent/replay.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';

const [, , verb, stateDir = '', step] = process.argv;
const points: string[] = [];
const control = openL2tpServer('linux', {
  host: createHost({ self: () => REPLAYED_SELF, questions: NO_QUESTIONS, platform: 'linux' }),
  stateDir,
  clock: systemClock,
  log: createLogger('test', 'silent'),
  server: async () => null,
  failpoints: {
    async reach(point) {
      points.push(point);
      if (points.length - 1 === Number(step)) process.kill(process.pid, 'SIGKILL');
    },
  },
});
const wish = { way: 'service', until: null, reason: 'test', order: null, evenIfUsed: false } as const;
if (verb === 'close') await control?.close(wish);
if (verb === 'reopen') await control?.reopen();
if (verb === 'recover') await control?.recover();
process.stdout.write(JSON.stringify(points));
