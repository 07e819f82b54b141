import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../src/agent/enrolment.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { openStanding, standingState } from '../../src/agent/standing.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { systemClock } from '../../src/base/clock.ts';
import { digest } from '../../src/wire/ids.ts';
import {
  enrolWith,
  eventually,
  quiet,
  readersWith,
  shiftedClock,
  startAgent,
  startServer,
  temporaryFolder,
} from './harness.ts';

async function setUp() {
  const server = await startServer();
  const folder = await temporaryFolder();
  const identity: Identity = {
    device: server.device,
    ueid: `AQ${'A'.repeat(21)}`,
    orderRoot: server.urn.split(':').at(-1) ?? '',
    orderKeys: [server.orderKey.jwk],
  };
  const file = stateFile(statePaths(folder).standing, standingState, quiet);
  const reopen = (clock = systemClock) => openStanding(file, identity, clock);
  return { server, folder, reopen, standing: await reopen() };
}

describe('standing policy', () => {
  test('none at first; a good one is kept over a restart', async () => {
    const { server, standing, reopen } = await setUp();
    expect(standing.current()).toBeNull();
    const jws = await server.policy();
    expect(await standing.take(jws)).toMatchObject({ ok: true, value: { version: 1, digest: digest(jws) } });
    expect(standing.current()?.policy.name).toBe('standing');
    expect((await reopen()).current()?.digest).toBe(digest(jws));
  });

  test('versions rise; an older one is refused and the held one stays', async () => {
    const { server, standing } = await setUp();
    await standing.take(await server.policy({ version: 5 }));
    expect(await standing.take(await server.policy({ version: 4 }))).toEqual({
      ok: false,
      error: 'superseded',
    });
    expect(await standing.take(await server.policy({ version: 6 }))).toMatchObject({ ok: true });
    expect(standing.current()?.version).toBe(6);
  });

  test('ends with its time', async () => {
    const { server, standing, reopen } = await setUp();
    await standing.take(await server.policy());
    expect((await reopen(shiftedClock(7_200_000))).current()).toBeNull();
    expect(await standing.take(await server.policy({ exp: 1 }))).toEqual({ ok: false, error: 'expired' });
  });

  test.each([
    [{ aud: 'urn:drawbridge:device:other' }, 'foreign'],
    [{ iss: 'urn:drawbridge:server:other' }, 'foreign'],
    [{ policy: { version: 1 } }, 'malformed'],
    [{ version: 'new' }, 'malformed'],
  ])('%j is refused: %s', async (change, error) => {
    const { server, standing } = await setUp();
    expect(await standing.take(await server.policy(change))).toEqual({ ok: false, error });
    expect(standing.current()).toBeNull();
  });

  test('one that was changed on disk does not count', async () => {
    const { server, folder, standing, reopen } = await setUp();
    const jws = await server.policy();
    await standing.take(jws);
    const [head = '', , signature = ''] = jws.split('.');
    const forged = Buffer.from(JSON.stringify({ version: 99 })).toString('base64url');
    await writeFile(statePaths(folder).standing, JSON.stringify({ jws: `${head}.${forged}.${signature}` }));
    expect((await reopen()).current()).toBeNull();
  });

  test('the agent judges itself by it, and tells the server which one it holds', async () => {
    const { server } = await setUp();
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const agent = startAgent(folder, { readers: readersWith(), everySeconds: 0.3 });
    await eventually('a report', () => server.reports.length > 0);
    expect(server.reports[0]?.cfg).toBeNull();
    const checks = { agent: { unknown: { graceHours: 0, then: 'fail' }, floor: 'high' } };
    const jws = await server.policy({ policy: { version: 1, name: 'strict', checks } });
    server.last.send({ t: 'policy', jws });
    await eventually('its digest', () => server.reports.at(-1)?.cfg === digest(jws));
    const status = await eventually('its judgement', async () => {
      const now = await agent.status();
      return now?.risk?.level === 'high' ? now : null;
    });
    expect(status.firstToFix).toMatchObject({ check: 'agent', level: 'fail' });
  });
});
