import { describe, expect, test } from 'vitest';
import { NOT_MANAGED, type Managed } from '../../src/agent/managed-kept.ts';
import { runInTurns, type InForce } from '../../src/agent/settings-watch.ts';
import type { Logger } from '../../src/base/log.ts';
import { configWith, quiet } from './harness.ts';

const managed = (level: string): Managed => ({
  ...NOT_MANAGED,
  source: 'test',
  settings: [{ name: 'log.level', value: level, from: 'now' }],
});
const place = (level: string): InForce => ({
  config: configWith({ log: { level } }),
  managed: managed(level),
});

/** An agent that runs until it is told to end; `looks` are what is found, one a pause. */
async function turns(
  looks: (InForce | Error)[],
  late: string[] = [],
  reason = 'signal',
  log: Logger = quiet,
) {
  const stop = new AbortController();
  const ran: string[] = [];
  let looked = 0;
  const code = await runInTurns(
    {
      now: place('info'),
      async look() {
        const found = looks[looked - 1];
        if (found instanceof Error) throw found;
        return found ?? place('info');
      },
      async pause() {
        looked += 1;
        if (looked > looks.length) stop.abort();
      },
    },
    async ({ config }, signal) => {
      ran.push(config.log.level);
      if (reason === 'signal')
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      return { reason, late: stop.signal.aborted ? [] : late };
    },
    () => log,
    stop.signal,
  );
  return { code, ran };
}

describe('settings that change while the agent runs', () => {
  test('are those of its next run, at once', async () => {
    const found = [place('info'), place('debug'), place('debug'), place('warn'), place('warn')];
    expect(await turns(found)).toEqual({ code: 0, ran: ['info', 'debug', 'warn'] });
  });

  test('a look that fails changes nothing, and is told once', async () => {
    const said: unknown[] = [];
    const log = { ...quiet, warn: (what: unknown) => void said.push(what) } as unknown as Logger;
    const broken = new Error('agent.yaml:1:1: no such thing');
    const found = [broken, broken, broken, place('debug')];
    expect(await turns(found, [], 'signal', log)).toMatchObject({ ran: ['info', 'debug'] });
    expect(said).toEqual([{ why: 'agent.yaml:1:1: no such thing' }]);
  });

  test('a part that does not end is not left beside another run', async () => {
    expect(await turns([place('debug')], ['tray'])).toEqual({ code: 1, ran: ['info'] });
  });

  test('an agent that failed is not run again here', async () => {
    expect(await turns([], [], 'actor-failed')).toEqual({ code: 1, ran: ['info'] });
  });
});
