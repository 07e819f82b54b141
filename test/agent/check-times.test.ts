import { readdir, readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { checkTimesState, datedBy, openCheckTimes } from '../../src/agent/check-times.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { parseJson } from '../../src/base/json.ts';
import { createLogger } from '../../src/base/log.ts';
import { known, unknown } from '../../src/base/reading.ts';
import { healthyReadings } from '../server/fixtures.ts';
import { enrolWith, eventually, readersWith, startAgent, startServer, temporaryFolder } from './harness.ts';

const HOUR = 3_600_000;

/** A firewall that has been unknown for two hours fails; it is all that is judged. */
const HASTY = {
  version: 1,
  name: 'hasty',
  checks: { firewall: { weight: 60, floor: 'high', unknown: { graceHours: 2, then: 'fail' } } },
};

/** An agent that was last told its policy while all was well, and whose server is gone. */
async function agentAlone(before: (folder: string) => Promise<void>) {
  const server = await startServer();
  const folder = await temporaryFolder();
  await enrolWith(server, folder);
  const readings = { firewall: 'timeout' as 'on' | 'timeout' };
  const readers = readersWith({
    firewall: async () =>
      readings.firewall === 'on'
        ? known({ state: 'on', inboundDefault: 'block', managedBy: null, profiles: [], stealth: null })
        : unknown('timeout', ''),
  });
  const change = { readers, everySeconds: 0.2 };
  const first = startAgent(folder, change);
  await eventually('a report', () => server.reports.length > 0);
  server.last.send({ t: 'policy', jws: await server.policy({ policy: HASTY }) });
  await eventually('the policy', () => server.reports.at(-1)?.cfg);
  await first.stop();
  await server.stop();
  await before(statePaths(folder).checkTimes);
  return { folder, readings, agent: startAgent(folder, change) };
}

const timesIn = async (path: string) =>
  checkTimesState().parse(parseJson(await readFile(path, 'utf8').catch(() => '{}')));

const lastKnown = (hours: number) => (path: string) =>
  writeFile(path, JSON.stringify({ knownAt: { firewall: Date.now() - hours * HOUR } }));

describe('an unknown that began while the server was away', () => {
  test('has its hours from when this device last knew it, over a restart, too', async () => {
    const { agent } = await agentAlone(lastKnown(3));
    const status = await eventually('its judgement', async () => {
      const now = await agent.status();
      return now?.risk?.level === 'high' ? now : null;
    });
    expect(status.firstToFix).toMatchObject({ check: 'firewall', level: 'fail' });
  });

  test('is none any more once it is known, and begins anew after that', async () => {
    const { folder, readings, agent } = await agentAlone(lastKnown(3));
    const { checkTimes } = statePaths(folder);
    const levelIs = (level: string) =>
      eventually(level, async () => (await agent.status())?.risk?.level === level);
    await levelIs('high');
    readings.firewall = 'on';
    await levelIs('low');
    await eventually(
      'the time',
      async () => Number((await timesIn(checkTimes)).knownAt.firewall) > Date.now() - HOUR,
    );
    readings.firewall = 'timeout';
    const begun = (await agent.status())?.lastReportAt;
    await eventually('another', async () => (await agent.status())?.lastReportAt !== begun);
    await eventually('yet another', async () => (await agent.status())?.risk?.level === 'low');
    expect((await timesIn(checkTimes)).askedAt).toHaveProperty('firewall');
  });

  test('a damaged record of it is set aside, and the hours begin now', async () => {
    const { folder, agent } = await agentAlone((path) => writeFile(path, '{"knownAt":{"firewall":"ever"}}'));
    await eventually('set aside', async () => (await readdir(folder)).includes('check-times.json.damaged'));
    expect(await eventually('a judgement', async () => (await agent.status())?.risk)).toMatchObject({
      level: 'low',
    });
  });

  test('where the record cannot be written, this run knows it all the same, and the log says so', async () => {
    const log = createLogger('test', 'silent');
    const warn = vi.spyOn(log, 'warn');
    const full = { path: '', read: async () => null, write: () => Promise.reject(new Error('ENOSPC')) };
    const times = await openCheckTimes(full, log);
    const readings = healthyReadings(new Date().toISOString());
    await times.note(readings, 5);
    expect(times.now().knownAt.firewall).toBe(5);
    expect(warn).toHaveBeenCalledOnce();
    await times.note({ ...readings, firewall: { ...unknown('timeout', ''), at: readings.firewall.at } }, 7);
    expect(times.now()).toMatchObject({ knownAt: { firewall: 5, antivirus: 7 }, askedAt: { firewall: 5 } });
  });
});

test('whoever saw it known later is right; what was never known here is dated by the server', () => {
  const own = {
    knownAt: { firewall: 5, antivirus: 5 },
    askedAt: { firewall: 1, antivirus: 1, tags: 3, agent: 3 },
  };
  expect(datedBy(own, { firewall: 7, antivirus: 2, tags: 1 })).toEqual({
    firewall: 7,
    antivirus: 5,
    tags: 1,
    agent: 3,
  });
  expect(datedBy({ knownAt: {}, askedAt: {} })).toEqual({});
});
