import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';
import { loadConfig, parseConfig } from '../../src/server/config.ts';
import { pathsIn, type DataPaths } from '../../src/server/data-folder.ts';
import { init } from '../../src/server/init.ts';
import { startServer } from '../../src/server/main.ts';
import { renewServerCertificate } from '../../src/server/tls.ts';
import { get } from './test-agent.ts';

const DAY_MS = 86_400_000;
const log = createLogger('server', 'silent');

let folder: string;
let paths: DataPaths;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-start-'));
  paths = pathsIn(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function start() {
  const config = await loadConfig(paths.config);
  if (!config.ok) throw new Error(config.error);
  return startServer(config.value, { log });
}

const make = () => init(folder, { names: ['posture.example.org'], now: Date.now(), port: 0 });

describe('init', () => {
  test('makes a folder for its owner alone, and nothing twice', async () => {
    const made = await make();
    expect(made).toHaveLength(8);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const name of ['orderRoot', 'orderKey', 'credentialKey', 'adminToken', 'tlsCaKey', 'tls'] as const) {
      const file = paths[name];
      expect((await stat(file)).mode & 0o777, file).toBe(0o600);
    }
    const before = await readFile(paths.orderRoot, 'utf8');
    expect(await make()).toEqual([]);
    expect(await readFile(paths.orderRoot, 'utf8')).toBe(before);
  });

  test('makes again only what is missing', async () => {
    await make();
    await rm(paths.policy);
    expect(await make()).toEqual([paths.policy]);
  });

  test('makes a certificate for the names given and for this machine, by an authority of its own', async () => {
    await make();
    const certificate = new X509Certificate(await readFile(paths.tls));
    const authority = new X509Certificate(await readFile(paths.tlsCa));
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(authority.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    for (const name of ['posture.example.org', 'localhost']) expect(certificate.checkHost(name)).toBe(name);
    for (const address of ['127.0.0.1', '::1']) expect(certificate.checkIP(address)).toBe(address);
  });
});

describe('the server’s certificate', () => {
  const serial = async () => new X509Certificate(await readFile(paths.tls)).serialNumber;

  test('is renewed when it ends within 30 days or lacks a name, and only then', async () => {
    await make();
    const first = await serial();
    const renew = (names: string[], days: number) =>
      renewServerCertificate(paths, names, Date.now() + days * DAY_MS);
    expect(await renew(['posture.example.org'], 360)).toBe(false);
    expect(await serial()).toBe(first);
    expect(await renew(['posture.example.org'], 368)).toBe(true);
    expect(await renew(['other.example.org', 'fd00::1'], 0)).toBe(true);
    expect(await renew(['fd00::1'], 0)).toBe(false);
    expect(await serial()).not.toBe(first);
  });

  test('of the company’s own is served instead', async () => {
    await make();
    await writeFile(
      paths.config,
      JSON.stringify({ listen: { port: 0 }, tls: { certFile: paths.tls, keyFile: paths.tls } }),
    );
    const server = await start();
    expect(await get({ url: server.url, ca: await readFile(paths.tlsCa, 'utf8') }, '/healthz')).toMatchObject(
      { status: 200 },
    );
    await server.close();
  });
});

describe('the settings file', () => {
  test('may be empty', () => {
    expect(parseConfig('', '/etc/drawbridge/server.yaml')).toMatchObject({
      ok: true,
      value: {
        listen: { host: '127.0.0.1', port: 8443 },
        dataDir: '/etc/drawbridge',
        policyFile: '/etc/drawbridge/policy.yaml',
      },
    });
  });

  test.each([
    ['listen: { prot: 1 }', '/x/s.yaml:1:11: unknown setting "prot"; did you mean "port"?'],
    ['listen:\n  port: many', '/x/s.yaml:2:3: listen.port:'],
    ['log: { level: infos }', 'did you mean "info"?'],
    ['trustedProxies: [proxy.example]', 'has to be an address or a network'],
    ['publicUrl: http://posture.example.org', 'publicUrl'],
  ])('%j is refused with its place', (text, says) => {
    expect(parseConfig(text, '/x/s.yaml')).toMatchObject({ ok: false, error: expect.stringContaining(says) });
  });

  test('that is not there says how to make one', async () => {
    expect(await loadConfig('/nowhere/server.yaml')).toMatchObject({
      ok: false,
      error: expect.stringContaining('drawbridge-server init'),
    });
  });
});

describe('a start that cannot be', () => {
  test('in a folder that init has not made says so', async () => {
    await writeFile(paths.config, '');
    await expect(start()).rejects.toThrow(`drawbridge-server init --data ${folder}`);
  });

  test('on a port that is taken names the port and what to do', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    await make();
    await writeFile(paths.config, JSON.stringify({ listen: { port } }));
    await expect(start()).rejects.toThrow(
      new RegExp(`Port ${port} .* is taken .*listen\\.port in .*server\\.yaml`),
    );
    other.close();
    // What was open is closed again: the next start has the database to itself.
    await (await start()).close();
  });

  test('without a usable policy is refused, with every mistake named', async () => {
    await make();
    await writeFile(paths.policy, 'version: 1\nname: x\nchecks:\n  firewal: {}\n');
    await expect(start()).rejects.toThrow(
      /policy\.yaml:4:3: unknown setting "firewal"; did you mean "firewall"/,
    );
    await rm(paths.policy);
    await expect(start()).rejects.toThrow('There is no usable policy');
  });
});

test('a policy broken while the server was down leaves the last good one in force', async () => {
  await make();
  await (await start()).close();
  await writeFile(paths.policy, 'version: 2\n');
  const server = await start();
  expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  await server.close();
});

test('closing ends in good order, with nobody late', async () => {
  await make();
  const server = await start();
  expect(await server.close()).toEqual({ reason: 'signal', by: null, late: [] });
});

describe('one folder', () => {
  test('serves one server at a time', async () => {
    await make();
    const server = await start();
    await expect(start()).rejects.toThrow(/Another server works in .* already/);
    await server.close();
    await (await start()).close();
  });

  test('with a database that is none says which file', async () => {
    await make();
    await writeFile(paths.database, 'this is no database, and never was one '.repeat(100));
    await expect(start()).rejects.toThrow(/drawbridge\.db cannot be opened: .*not a database/);
  });
});
