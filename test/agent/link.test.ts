import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { statePaths } from '../../src/agent/paths.ts';
import { openSequence, sequenceState } from '../../src/agent/sequence.ts';
import { Spool } from '../../src/agent/spool.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { waitFor } from '../../src/agent/link.ts';
import { known } from '../../src/base/reading.ts';
import { collectReport } from '../../src/agent/report.ts';
import { makeTls } from './certificates.ts';
import {
  emptyHost,
  enrolWith,
  eventually,
  quiet,
  readersWith,
  shiftedClock,
  startAgent,
  startServer,
  temporaryFolder,
} from './harness.ts';
import type { TestServer } from './test-server.ts';

/** A server, and an agent enrolled with it that runs. */
async function connected(
  options: Parameters<typeof startServer>[0] = {},
  change: Parameters<typeof startAgent>[1] = {},
) {
  const server = await startServer(options);
  const folder = await temporaryFolder();
  await enrolWith(server, folder);
  return { server, folder, agent: startAgent(folder, change) };
}

const kinds = (server: TestServer) => server.reports.map(({ kind }) => kind);

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
    await eventually('two', () => kinds(server).filter((kind) => kind === 'full').length >= 2);
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
    await eventually(
      'a second full report',
      () => kinds(server).filter((kind) => kind === 'full').length === 2,
    );
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
    await eventually('all', () => new Set(server.reportIds).size >= 3);
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

describe('clock', () => {
  test('ten minutes wrong: corrected before anything is sent, and told', async () => {
    const server = await startServer({ aheadMs: 600_000 });
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const agent = startAgent(folder);
    await eventually('a report that counts', () => kinds(server).includes('full'));
    const full = server.reports.find(({ kind }) => kind === 'full');
    expect(Math.abs((full?.iat ?? 0) * 1_000 - server.now)).toBeLessThan(10_000);
    expect(Math.abs(Date.parse(full?.collected_at ?? '') - server.now)).toBeLessThan(10_000);
    const status = await eventually('word of it', async () => {
      const now = await agent.status();
      return now && Math.abs(now.clockOffsetMs - 600_000) < 10_000 ? now : null;
    });
    expect(status.connection.state).toBe('connected');
  });

  test('so wrong that TLS fails: a reason of its own', async () => {
    const yearMs = 365 * 86_400_000;
    const server = await startServer({ tls: await makeTls(yearMs), aheadMs: yearMs });
    const folder = await temporaryFolder();
    const good = await startServer();
    await enrolWith(good, folder);
    const orderRoot = server.urn.split(':').at(-1);
    await changeRecord(folder, { url: server.url, orderRoot, tlsCa: server.tls.ca });
    const agent = startAgent(folder);
    const status = await eventually('the reason', async () => {
      const now = await agent.status();
      return now?.connection.state === 'offline' && now.connection.because === 'clock' ? now : null;
    });
    expect(status.connection).toMatchObject({ detail: expect.stringMatching(/clock is \d+ minutes behind/) });
  });
});

describe('transport', () => {
  test('WebSocket blocked: HTTPS instead', async () => {
    const { server, agent } = await connected({ websocket: 'refuse', welcome: { heartbeat_s: 0.1 } });
    await eventually('three frames', () => server.reports.length >= 3);
    expect(server.reports[0]).toMatchObject({ kind: 'full', via: 'https' });
    server.last.send({ t: 'order', jws: await server.order() });
    await eventually('a receipt', () => server.receipts.length > 0);
    expect(await agent.status()).toMatchObject({ connection: { transport: 'https' } });
  });

  test('HTTPS_PROXY is honoured, NO_PROXY too', async () => {
    const proxy = await startProxy();
    const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
    const { server, agent } = await connected({}, { env });
    await eventually('a report', () => server.reports.length > 0);
    expect(proxy.targets).toContain(`localhost:${server.port}`);
    await agent.stop();
    const before = proxy.targets.length;
    const second = await connected({}, { env: { ...env, NO_PROXY: 'example.com,localhost' } });
    await eventually('a report', () => second.server.reports.length > 0);
    expect(proxy.targets.length).toBe(before);
  });

  test('a certificate of another authority is refused, and caFile is what helps', async () => {
    const server = await startServer();
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const other = await makeTls();
    await changeRecord(folder, { tlsCa: other.ca });
    const agent = startAgent(folder);
    await eventually('the reason', async () => {
      const connection = (await agent.status())?.connection;
      return connection?.state === 'offline' && connection.because === 'certificate';
    });
    await agent.stop();
    const caFile = join(folder, 'ca.pem');
    await writeFile(caFile, server.tls.ca);
    startAgent(folder, { settings: { server: { caFile } } });
    await eventually('a report', () => server.reports.length > 0);
  });
});

describe('endings', () => {
  test('superseded: comes back', async () => {
    const { server } = await connected();
    await eventually('a report', () => server.reports.length > 0);
    server.last.bye('superseded');
    await eventually('a second connection', () => server.connections.length === 2);
  });

  test('a dropped connection: comes back, and nothing is sent twice', async () => {
    const { server } = await connected();
    await eventually('a report', () => server.reports.length > 0);
    server.dropConnections();
    await eventually('a second connection', () => server.connections.length === 2);
    expect(new Set(server.reportIds).size).toBe(server.reportIds.length);
  });

  test('pending: told, and approved later', async () => {
    const server = await startServer({ status: 'pending' });
    server.refuseSession = 'approval_pending';
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const agent = startAgent(folder);
    await eventually('the reason', async () => {
      const now = await agent.status();
      return (
        now?.enrolment === 'pending' &&
        now.connection.state === 'offline' &&
        now.connection.code === 'approval_pending'
      );
    });
    await agent.stop();
    server.refuseSession = null;
    const again = startAgent(folder);
    await eventually('enrolled', async () => (await again.status())?.enrolment === 'enrolled');
  });

  test('not enrolled: waits, and connects as soon as somebody enrols it', async () => {
    const server = await startServer();
    const folder = await temporaryFolder();
    const agent = startAgent(folder);
    await eventually('the reason', async () => {
      const connection = (await agent.status())?.connection;
      return connection?.state === 'offline' && connection.because === 'not-enrolled';
    });
    await enrolWith(server, folder);
    await eventually('a report', () => server.reports.length > 0);
  });

  test('waiting times grow to a minute, with jitter, and rarely where only a person can help', () => {
    expect(waitFor(1, 'soon', 0)).toBe(1_000);
    expect(waitFor(1, 'soon', 1)).toBe(2_000);
    expect(waitFor(20, 'soon', 1)).toBe(60_000);
    expect(waitFor(1, 'late', 0.5)).toBe(60_000);
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

async function changeRecord(folder: string, change: Record<string, unknown>): Promise<void> {
  const { enrolment } = statePaths(folder);
  const record = JSON.parse(await readFile(enrolment, 'utf8'));
  record.server = { ...record.server, ...change };
  await writeFile(enrolment, JSON.stringify(record));
}

/** A proxy that knows CONNECT and nothing else. */
async function startProxy(): Promise<{ port: number; targets: string[] }> {
  const targets: string[] = [];
  const server = createServer((socket) => {
    socket.once('data', (head) => {
      const target = /^CONNECT (\S+)/.exec(String(head))?.[1] ?? '';
      targets.push(target);
      const upstream = connectTcp(Number(target.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, targets };
}
