import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { statePaths } from '../../src/agent/paths.ts';
import { openKeyFile } from '../../src/agent/key-file.ts';
import { makeTls } from './certificates.ts';
import { enrolWith, shiftedClock, startServer, temporaryFolder } from './harness.ts';

const record = async (folder: string) => JSON.parse(await readFile(statePaths(folder).enrolment, 'utf8'));

describe('enrolment', () => {
  test('makes keys, an id derived from nothing, and a record without secrets', async () => {
    const server = await startServer();
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const written = await record(folder);
    expect(written).toMatchObject({
      status: 'enrolled',
      device: server.device,
      keyStore: 'file',
      server: { url: server.url, tlsCa: server.tls.ca },
    });
    expect(JSON.stringify(written)).not.toContain('A'.repeat(22));
    const [request] = server.enrolments;
    expect(request).toMatchObject({ host: { name: 'laptop', platform: 'linux', key_protection: 'file' } });
    expect(written.ueid).toBe(request?.ueid);
    expect(Buffer.from(written.ueid, 'base64url')[0]).toBe(1);
  });

  test('a server with another order root is refused before the secret leaves', async () => {
    const server = await startServer({ foreignRoot: true });
    const folder = await temporaryFolder();
    await expect(enrolWith(server, folder)).rejects.toMatchObject({
      code: 'foreign_server',
      message: expect.stringContaining('secret was not sent'),
    });
    expect(server.enrolments).toEqual([]);
    await expect(record(folder)).rejects.toThrow('ENOENT');
  });

  test('TLS that does not verify is refused before the secret leaves', async () => {
    const tls = await makeTls();
    const server = await startServer({ tls: { ...tls, ca: (await makeTls()).ca } });
    await expect(enrolWith(server, await temporaryFolder())).rejects.toMatchObject({ code: 'certificate' });
    expect(server.enrolments).toEqual([]);
  });

  test('a name that the certificate does not cover is refused', async () => {
    const server = await startServer();
    const url = server.url.replace('localhost', '[::ffff:127.0.0.1]');
    await expect(enrolWith(server, await temporaryFolder(), { url })).rejects.toMatchObject({
      code: 'certificate',
    });
    expect(server.enrolments).toEqual([]);
  });

  test('a lost answer: the same token again, with the same keys', async () => {
    const server = await startServer();
    const folder = await temporaryFolder();
    server.loseEnrolmentAnswer = true;
    await expect(enrolWith(server, folder)).rejects.toMatchObject({ name: 'EnrolError' });
    expect(await record(folder)).toMatchObject({ status: 'requested', device: null });
    const keys = await openKeyFile(join(folder, 'keys.json'));
    server.loseEnrolmentAnswer = false;
    await enrolWith(server, folder);
    expect(await record(folder)).toMatchObject({ status: 'enrolled' });
    expect(await (await openKeyFile(join(folder, 'keys.json')))?.publicJwks()).toEqual(
      await keys?.publicJwks(),
    );
    expect(server.enrolments.map(({ ueid }) => ueid)).toEqual(Array(2).fill((await record(folder)).ueid));
  });

  test('a second time needs --again, and makes a new identity', async () => {
    const server = await startServer();
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const { ueid } = await record(folder);
    await expect(enrolWith(server, folder, { id: 'other-token' })).rejects.toMatchObject({
      code: 'already_enrolled',
    });
    await enrolWith(server, folder, { id: 'other-token', again: true });
    expect((await record(folder)).ueid).not.toBe(ueid);
    // A fleet's token may be used twice.
    await enrolWith(server, folder, { id: 'other-token', again: true });
    expect(new Set(server.enrolments.map((one) => one.ueid)).size).toBe(3);
  });

  test('a clock that is hours off does not matter', async () => {
    const server = await startServer();
    const enrolled = await enrolWith(server, await temporaryFolder(), { clock: shiftedClock(-7_200_000) });
    expect(enrolled.status).toBe('enrolled');
  });

  test('waiting for approval is a result, not an error', async () => {
    const server = await startServer({ status: 'pending' });
    const folder = await temporaryFolder();
    expect(await enrolWith(server, folder)).toMatchObject({ status: 'pending', device: server.device });
  });

  test('nobody there', async () => {
    const server = await startServer();
    const { url } = server;
    await server.stop();
    await expect(enrolWith(server, await temporaryFolder(), { url })).rejects.toMatchObject({
      code: 'unreachable',
    });
  });
});
