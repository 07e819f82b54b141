import { readFile, writeFile } from 'node:fs/promises';
import { connect as connectTcp, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { waitFor } from '../../src/agent/link.ts';
import { statePaths } from '../../src/agent/paths.ts';
import type { ServerFrame } from '../../src/wire/frames.ts';
import { STATUS } from '../../src/wire/order.ts';
import { makeTls } from './certificates.ts';
import {
  connected,
  enrolWith,
  eventually,
  kinds,
  startAgent,
  startServer,
  temporaryFolder,
  PATIENT,
} from './harness.ts';

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

  test('an answer from before the computer slept does not turn it back: the order after it is obeyed', async () => {
    const { now } = Date;
    let sleptMs = 0;
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + sleptMs);
    onTestFinished(() => clock.mockRestore());
    const { server, agent } = await connected({ ackDelayMs: 500 });
    await eventually('a report', () => server.reports.length > 0);
    sleptMs = 3_600_000;
    await eventually('its acknowledgement', async () => ((await agent.status())?.lastAckAt ?? null) !== null);
    const jws = await server.order();
    const receipt = await eventually('a receipt', () => {
      // Again, since the agent connects anew as soon as it notices that it slept.
      server.last.send({ t: 'order', jws });
      return server.receipts.find(({ phase }) => phase === 'complete');
    });
    expect(receipt.oc2.status).toBe(STATUS.done);
    expect((await agent.status())?.clockOffsetMs).toBe(0);
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
    await expect.poll(() => server.reports.length, PATIENT).toBeGreaterThan(0);
  });
});

describe('endings', () => {
  test('superseded: comes back', async () => {
    const { server } = await connected();
    await eventually('a report', () => server.reports.length > 0);
    server.last.bye('superseded');
    await expect.poll(() => server.connections.length, PATIENT).toBe(2);
  });

  test('a dropped connection: comes back, and nothing is sent twice', async () => {
    const { server, agent } = await connected();
    // Before its acknowledgement has arrived, a report is rightly sent again.
    await eventually('an acknowledgement', async () => ((await agent.status())?.lastAckAt ?? null) !== null);
    server.dropConnections();
    await expect.poll(() => server.connections.length, PATIENT).toBe(2);
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
    await expect.poll(async () => (await again.status())?.enrolment, PATIENT).toBe('enrolled');
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
    await expect.poll(() => server.reports.length, PATIENT).toBeGreaterThan(0);
  });

  test('waiting times grow to a minute, with jitter, and rarely where only a person can help', () => {
    expect(waitFor(1, 'soon', 0)).toBe(1_000);
    expect(waitFor(1, 'soon', 1)).toBe(2_000);
    expect(waitFor(20, 'soon', 1)).toBe(60_000);
    expect(waitFor(1, 'late', 0.5)).toBe(60_000);
  });
});

describe('what is hostile or strange', () => {
  test('frames of an unknown kind or shape are passed over', async () => {
    const { server } = await connected({ welcome: { heartbeat_s: 0.1 } });
    await eventually('a report', () => server.reports.length > 0);
    for (const frame of [{ t: 'new-kind' }, { t: 'ack' }, {}, [], 7, null, { t: 'order', jws: 7 }])
      server.last.send(frame as unknown as ServerFrame);
    const before = server.reports.length;
    await eventually('more', () => server.reports.length > before + 1);
    expect(server.connections.length).toBe(1);
  });

  test('acknowledgements and refusals of what was never sent change nothing', async () => {
    const { server } = await connected({ welcome: { heartbeat_s: 0.1 } });
    await eventually('a report', () => server.reports.length > 0);
    const id = '01a1f8ea-f550-7a6a-b7f4-591bf8a02e6e';
    const { now } = server;
    const ack = { t: 'ack', id, seq: 1, dig: 'sha-256:x', now, decision: null } as const;
    server.last.send({ ...ack, nonce: server.last.nonce() });
    const nack = { t: 'nack', id, err: 'schema_invalid', hint: '', now, seq_min: null } as const;
    server.last.send({ ...nack, nonce: server.last.nonce() });
    const before = server.reports.length;
    await eventually('more', () => server.reports.length > before + 1);
    expect(server.reports.at(-1)?.dropped).toBe(0);
  });

  test('a flood of frames ends the connection, not the agent', async () => {
    const { server } = await connected();
    await eventually('a report', () => server.reports.length > 0);
    for (let count = 0; count < 5_000; count += 1) server.last.send({ t: 'order', jws: 'x'.repeat(1_000) });
    server.last.send({ t: 'order', jws: 'x'.repeat(300_000) });
    await expect.poll(() => server.connections.length, PATIENT).toBe(2);
  });

  test('another server under the same address is refused', async () => {
    const { server, folder, agent } = await connected();
    await eventually('a report', () => server.reports.length > 0);
    await agent.stop();
    const impostor = await startServer({ tls: server.tls });
    await changeRecord(folder, { url: impostor.url });
    const again = startAgent(folder);
    await eventually('the reason', async () => {
      const connection = (await again.status())?.connection;
      return connection?.state === 'offline' && connection.code === 'wrong_audience';
    });
    expect(impostor.last.frames).toEqual([]);
  });
});

test('every state file damaged at once: told, set aside, and the agent runs on', async () => {
  const { server, folder, agent } = await connected();
  await eventually('a report', () => server.reports.length > 0);
  await agent.stop();
  const { sequence, clock, orders, standing, status, runs, lock } = statePaths(folder);
  for (const path of [sequence, clock, orders, standing, status, runs, lock])
    await writeFile(path, '{"half":');
  const before = server.reports.length;
  const again = startAgent(folder);
  await eventually('a report', () => server.reports.length > before);
  await eventually('its status', async () => (await again.status())?.enrolment === 'enrolled');
  expect(await readFile(`${sequence}.damaged`, 'utf8')).toBe('{"half":');
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
