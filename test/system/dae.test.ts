import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeDaeRequest, encodeDaeAnswer, type DaeRequest } from '../../src/wire/dae.ts';
import { hasFreeradius, radclient } from '../support/freeradius.ts';

const SECRET = 'a-secret-of-this-test';

describe.runIf(hasFreeradius)('disconnect and CoA with radclient (needs freeradius-utils)', () => {
  let socket: Socket;
  let folder: string;
  const received: unknown[] = [];
  let answer: { result: 'ack' | 'nak'; errorCause?: number };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drawbridge-dae-'));
    writeFileSync(join(folder, 'secret'), SECRET, { mode: 0o600 });
    socket = createSocket('udp4').on('message', (bytes, from) => {
      received.push(decodeDaeRequest(bytes, SECRET));
      socket.send(encodeDaeAnswer(bytes, answer, SECRET), from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
  });
  afterAll(() => {
    socket?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ['disconnect', { result: 'ack' }, 'Disconnect-ACK', undefined],
    ['disconnect', { result: 'nak', errorCause: 503 }, 'Disconnect-NAK', 'Session-Context-Not-Found'],
    ['coa', { result: 'ack' }, 'CoA-ACK', undefined],
    ['coa', { result: 'nak', errorCause: 404 }, 'CoA-NAK', 'Invalid-Request'],
  ] as const)('%s: what it sends is read, and it believes %j', async (kind, given, code, cause) => {
    answer = given;
    const sent = [
      'User-Name = "émile"',
      'NAS-Port = 3',
      'Framed-IP-Address = 10.99.1.200',
      'Class = 0x00ff41',
      'Proxy-State = 0x0102',
      `Event-Timestamp = "${Math.floor(Date.now() / 1_000)}"`,
      'Message-Authenticator = 0x00',
    ];
    const got = await radclient(socket.address().port, kind, join(folder, 'secret'), sent);
    expect(received.splice(0)).toEqual([
      { ok: true, value: expect.objectContaining({ kind } as DaeRequest) },
    ]);
    expect(got.code).toBe(code);
    expect(got.attributes['Error-Cause']).toBe(cause);
    expect(got.attributes['Proxy-State']).toBe('0x0102');
  });
});
