// An agent as a process of its own, to be killed: reads nothing real, reports often. Its argument is the state folder.
import { runAgent } from '../../src/agent/agent.ts';
import { createLogger } from '../../src/base/log.ts';
import { known } from '../../src/base/reading.ts';
import { configSchema } from '../../src/agent/config-schema.ts';
import { emptyHost, readersWith } from './machine.ts';

const [stateDir = ''] = process.argv.slice(2);
const control = new AbortController();
const config = configSchema.parse({});
process.once('SIGTERM', () => control.abort());
let count = 0;

const report = await runAgent(
  {
    config: { ...config, collect: { ...config.collect, everySeconds: 0.1 } },
    stateDir,
    version: '1.2.3',
    readers: readersWith({
      processes: async () => known({ matches: [{ rule: 'tick', count: (count += 1) }] }),
    }),
    hosts: () => () => ({ openHost: emptyHost }),
    backOff: () => 0,
    env: {},
    log: createLogger('child', 'error'),
  },
  control.signal,
);
process.exitCode = report.reason === 'signal' ? 0 : 1;
