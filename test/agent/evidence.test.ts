import { expect, describe, test } from 'vitest';
import { statePaths } from '../../src/agent/paths.ts';
import { collectReport } from '../../src/agent/report.ts';
import { openSequence, sequenceState } from '../../src/agent/sequence.ts';
import { Spool } from '../../src/agent/spool.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { known } from '../../src/base/reading.ts';
import {
  connected,
  emptyHost,
  enrolWith,
  eventually,
  kinds,
  quiet,
  readersWith,
  shiftedClock,
  startAgent,
  startServer,
  temporaryFolder,
  PATIENT,
} from './harness.ts';

/** Puts reports of the given ages (ms) into a spool that no agent uses. */
async function fillSpool(folder: string, agesMs: number[]): Promise<string[]> {
  const spool = await Spool.open(statePaths(folder).spool, { maxReports: 100, maxBytes: 1e7 }, quiet);
  const ids: string[] = [];
  for (const age of agesMs) {
    const collection = {
      readers: readersWith(),
      openHost: emptyHost,
      clock: shiftedClock(-age),
      deadlineMs: 1_000,
    };
    const report = await collectReport(collection);
    ids.push(report.id);
    await spool.add(report);
  }
  return ids;
}

describe('evidence', () => {
  test('a full report, and the status file tells of it', async () => {
    const { server, agent } = await connected();
    await eventually('a report', () => server.reports.length > 0);
    expect(server.reports[0]).toMatchObject({
      kind: 'full',
      via: 'websocket',
      swversion: ['1.2.3', 'semver'],
    });
    const status = await eventually('an acknowledgement', async () => {
      const now = await agent.status();
      return now?.lastAckAt && now.spool.reports === 0 ? now : null;
    });
    expect(status).toMatchObject({
      device: server.device,
      enrolment: 'enrolled',
      keyProtection: 'file',
      connection: { state: 'connected', transport: 'websocket' },
    });
    expect(await agent.stop()).toMatchObject({ reason: 'signal', late: [] });
    expect(await agent.status()).toMatchObject({ connection: { state: 'offline', because: 'stopped' } });
  });

  test('then only what has changed, on the base that was acknowledged', async () => {
    let count = 0;
    const processes = async () => known({ matches: [{ rule: 'miner', count: (count += 1) }] });
    const { server } = await connected({}, { everySeconds: 0.2, readers: readersWith({ processes }) });
    await eventually('two reports', () => server.reports.length > 1);
    const [full, delta] = server.reports;
    expect(delta).toMatchObject({ kind: 'delta', base: { seq: full?.seq } });
    expect(Object.keys(delta?.readings ?? {})).toEqual(['processes']);
  });

  test('nothing has changed: a delta without readings, so that the server knows it was looked at', async () => {
    const { server } = await connected({}, { everySeconds: 0.2 });
    await eventually('two reports', () => server.reports.length > 1);
    expect(server.reports[1]).toMatchObject({ kind: 'delta', readings: {} });
  });

  test('a complete one after the time that the server asks for', async () => {
    const { server } = await connected({ welcome: { full_s: 0.5, heartbeat_s: 0.1 } });
    await expect
      .poll(() => kinds(server).filter((kind) => kind === 'full').length, PATIENT)
      .toBeGreaterThan(1);
  });

  test('a report lost on the way is sent again under its id, with a higher number', async () => {
    const { server } = await connected();
    let lost = 0;
    server.react = () => (lost++ === 0 ? 'close' : 'ack');
    await eventually('the report', () => server.reports.length > 0);
    expect(server.connections.length).toBe(2);
    expect(server.reportIds.length).toBe(1);
  });

  test('a lost acknowledgement: the same id again, never a new report', async () => {
    const { server } = await connected();
    const seen: string[] = [];
    server.react = ({ jti, seq }) => {
      seen.push(`${jti} ${seq}`);
      return seen.length === 1 ? 'close' : 'ack';
    };
    await eventually('twice', () => seen.length === 2);
    const [first = '', second = ''] = seen;
    expect(second.split(' ')[0]).toBe(first.split(' ')[0]);
    expect(Number(second.split(' ')[1])).toBeGreaterThan(Number(first.split(' ')[1]));
  });

  test('an expired nonce: sent again at once with the one given', async () => {
    const { server } = await connected();
    let tries = 0;
    server.react = () => (tries++ === 0 ? { nack: 'nonce_expired' } : 'ack');
    await eventually('the report', () => server.reports.length > 0);
    expect(server.connections.length).toBe(1);
    expect(tries).toBe(2);
  });

  test('heartbeats when nothing happens, with the base and without readings', async () => {
    const { server } = await connected({ welcome: { heartbeat_s: 0.05 } });
    await eventually('heartbeats', () => kinds(server).filter((kind) => kind === 'heartbeat').length >= 3);
    const [full, beat] = server.reports;
    expect(beat).toMatchObject({ kind: 'heartbeat', base: { seq: full?.seq } });
    expect(beat?.readings).toBeUndefined();
    const seqs = server.reports.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    expect(new Set(seqs).size).toBe(seqs.length);
  });

  test('a server that lost its base gets a full report', async () => {
    const { server } = await connected({ welcome: { heartbeat_s: 0.05 } });
    await eventually('a heartbeat', () => kinds(server).includes('heartbeat'));
    let refused = false;
    server.react = ({ kind }) => {
      if (refused || kind !== 'heartbeat') return 'ack';
      refused = true;
      return { nack: 'base_mismatch' };
    };
    await expect.poll(() => kinds(server).filter((kind) => kind === 'full').length, PATIENT).toBe(2);
  });

  test('a challenge is answered with a full report over its nonce', async () => {
    const { server } = await connected();
    await eventually('a report', () => server.reports.length > 0);
    const nonce = server.last.nonce();
    server.last.send({ t: 'challenge', nonce, now: server.now, want: 'full', deadline_s: 10 });
    await eventually('the answer', () => server.reports.length > 1);
    expect(server.reports[1]).toMatchObject({ kind: 'full', eat_nonce: nonce });
  });

  test('old reports go as offline history, after what is fresh', async () => {
    const server = await startServer();
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const [older, old, fresh] = await fillSpool(folder, [900_000, 300_000, 1_000]);
    startAgent(folder);
    await eventually('all', () => [older, old, fresh].every((id) => server.reportIds.includes(id ?? '')));
    const byId = new Map(server.reports.map((one) => [one.jti, one]));
    expect(server.reports[0]).toMatchObject({ jti: fresh, kind: 'full' });
    expect(byId.get(older ?? '')).toMatchObject({ kind: 'offline' });
    expect(byId.get(old ?? '')?.eat_nonce).toBeUndefined();
    expect(Object.keys(byId.get(old ?? '')?.readings ?? {}).length).toBe(13);
  });

  test('a refused report is dropped and counted, not sent for ever', async () => {
    const { server, agent } = await connected();
    let tries = 0;
    server.react = () => (tries++ === 0 ? { nack: 'schema_invalid' } : 'ack');
    await eventually('the loss', async () => (await agent.status())?.spool.reports === 0 && tries >= 1);
    server.last.send({ t: 'order', jws: await server.order() });
    await eventually('the next report', () => server.reports.length > 0);
    expect(server.reports[0]?.dropped).toBe(1);
  });

  test('a store that fails is given time, and nothing is lost', async () => {
    const { server } = await connected();
    let tries = 0;
    server.react = () => (tries++ === 0 ? { nack: 'store_unavailable' } : 'ack');
    await eventually('the report', () => server.reports.length > 0);
    expect(tries).toBe(2);
  });
});

test('numbers go on after what the server has seen, and after a restart', async () => {
  const { server, agent, folder } = await connected({ welcome: { seq_min: 5_000 } });
  await eventually('a report', () => server.reports.length > 0);
  expect(server.reports[0]?.seq).toBe(5_001);
  await agent.stop();
  const sequence = await openSequence(stateFile(statePaths(folder).sequence, sequenceState, quiet));
  expect(await sequence.next()).toBeGreaterThan(5_001);
});
