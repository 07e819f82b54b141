// EST and the authority's commands as docs/certificates.md says them: with openssl and curl.
import { spawnSync } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seal, TYP } from '../../src/wire/envelope.ts';
import { deviceUrn } from '../../src/wire/ids.ts';
import { healthyReadings, OPEN_DETECTION } from '../server/fixtures.ts';
import { connected, enrol, isIdentity, payloadOf, type TestLink } from '../server/test-agent.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';

const cli = join(import.meta.dirname, '../../src/cli/drawbridge-server.ts');
const work = mkdtempSync(join(tmpdir(), 'drawbridge-certificates-'));
const stick = join(work, 'stick');

let folder: ServerFolder;
let server: ServerProcess;
let link: TestLink;

function run(program: string, argv: string[], input?: string) {
  const done = spawnSync(program, argv, { encoding: 'utf8', cwd: work, input, timeout: 60_000 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

function must(program: string, ...argv: string[]): string {
  const { code, out, err } = run(program, argv);
  if (code !== 0) throw new Error(`${program} ${argv.join(' ')}: ${err}${out}`);
  return out;
}

const ca = (...argv: string[]) => run(process.execPath, [cli, 'ca', ...argv, '--data', folder.path]);

function mustCa(...argv: string[]): string {
  const { code, out, err } = ca(...argv);
  if (code !== 0) throw new Error(`ca ${argv.join(' ')}: ${err}${out}`);
  return out;
}

beforeAll(async () => {
  folder = serverFolder(0);
  appendFileSync(join(folder.path, 'server.yaml'), 'ca: { est: { port: 0 }, crl: { port: 0 } }\n');
  mustCa('init', '--offline-root', stick);
  server = await startServerProcess(folder.path);
  const enrolled = await enrol(server.target, folder.token(), { name: 'anna-laptop' });
  if (!isIdentity(enrolled)) throw new Error(JSON.stringify(enrolled));
  link = await connected(server.target, enrolled);
});

afterAll(async () => {
  await server.kill('SIGTERM');
  folder.remove();
  rmSync(work, { recursive: true });
});

async function report(open = false): Promise<void> {
  const readings = healthyReadings(new Date().toISOString(), open ? { detections: OPEN_DETECTION } : {});
  expect((await link.report({ readings })).t).toBe('ack');
}

/** A new key and a request for it, as documented. */
function request(name: string): void {
  must(
    'openssl',
    ...`req -new -newkey rsa:2048 -nodes -keyout ${name}.key -subj /CN=${link.identity.device} -out ${name}.csr`.split(
      ' ',
    ),
  );
  must('openssl', 'req', '-in', `${name}.csr`, '-outform', 'DER', '-out', `${name}.der`);
  must('openssl', 'base64', '-in', `${name}.der`, '-out', `${name}.b64`);
}

/** Asks with curl; answers with status and headers. The body lies in `<name>.p7.b64`. */
function post(path: string, name: string, ...auth: string[]) {
  const { out } = run('curl', [
    '-sS',
    '--cacert',
    join(folder.path, 'tls-ca.pem'),
    ...auth,
    '-H',
    'Content-Type: application/pkcs10',
    '--data-binary',
    `@${name}.b64`,
    '-D',
    '-',
    '-o',
    `${name}.p7.b64`,
    `${server.est}/.well-known/est/${path}`,
  ]);
  return { status: Number(/^HTTP\/[\d.]+ (\d+)/.exec(out)?.[1]), headers: out };
}

/** The certificate in an answer, as `<name>.pem`. */
function unpack(name: string): void {
  must('openssl', 'base64', '-d', '-in', `${name}.p7.b64`, '-out', `${name}.p7`);
  must('openssl', 'pkcs7', '-inform', 'DER', '-in', `${name}.p7`, '-print_certs', '-out', `${name}.pem`);
}

function token(): string {
  return (JSON.parse(mustCa('token', link.identity.device, '--json')) as { token: string }).token;
}

/** The certificates of the authorities, as `ca.pem`. */
function fetchAuthorities(): void {
  must(
    'curl',
    '-sS',
    '--cacert',
    join(folder.path, 'tls-ca.pem'),
    '-o',
    'ca.p7.b64',
    `${server.est}/.well-known/est/cacerts`,
  );
  unpack('ca');
}

describe('EST with openssl and curl', () => {
  test('cacerts is root and issuing authority; csrattrs is what openssl can read', () => {
    fetchAuthorities();
    expect(readFileSync(join(work, 'ca.pem'), 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(
      must('openssl', 'verify', '-CAfile', join(stick, 'root.pem'), join(folder.path, 'ca/issuing.pem')),
    ).toContain('OK');
    must(
      'curl',
      '-sS',
      '--cacert',
      join(folder.path, 'tls-ca.pem'),
      '-o',
      'attrs.b64',
      `${server.est}/.well-known/est/csrattrs`,
    );
    must('openssl', 'base64', '-d', '-in', 'attrs.b64', '-out', 'attrs.der');
    expect(must('openssl', 'asn1parse', '-inform', 'DER', '-in', 'attrs.der')).toMatch(
      /sha256WithRSAEncryption[\s\S]*rsaEncryption[\s\S]*0800/,
    );
  });

  test('202 and Retry-After while unhealthy; the same request a certificate once healthy; renewed with it', async () => {
    await report(true);
    request('first');
    const auth = ['-u', `${link.identity.device}:${token()}`];
    const waiting = post('simpleenroll', 'first', ...auth);
    expect(waiting.status).toBe(202);
    expect(waiting.headers).toMatch(/retry-after: \d+/i);
    await report();
    expect(post('simpleenroll', 'first', ...auth)).toMatchObject({ status: 200 });
    unpack('first');
    expect(must('openssl', 'verify', '-x509_strict', '-CAfile', 'ca.pem', 'first.pem')).toContain('OK');
    expect(must('openssl', 'x509', '-in', 'first.pem', '-noout', '-text')).toMatch(
      /ipsec Internet Key Exchange/i,
    );
    request('second');
    const own = ['--cert', 'first.pem', '--key', 'first.key'];
    expect(post('simplereenroll', 'second', ...own).status).toBe(200);
    unpack('second');
    expect(must('openssl', 'verify', '-CAfile', 'ca.pem', 'second.pem')).toContain('OK');
  });

  test('reenrolling takes the device’s own certificate, not one of another authority, none, or a revoked one', async () => {
    request('third');
    expect(post('simplereenroll', 'third').status).toBe(403);
    must(
      'openssl',
      ...'req -x509 -newkey rsa:2048 -nodes -keyout rogue.key -out rogue.pem -days 1 -subj'.split(' '),
      `/CN=${link.identity.device}`,
    );
    expect(post('simplereenroll', 'third', '--cert', 'rogue.pem', '--key', 'rogue.key').status).toBe(403);
    mustCa('revoke', '--device', link.identity.device, '--reason', 'keyCompromise');
    expect(post('simplereenroll', 'third', '--cert', 'second.pem', '--key', 'second.key').status).toBe(403);
  });

  test('who copies the agent’s certificate and key cannot renew it', async () => {
    request('agents');
    const { device, server: aud, report: signer } = link.identity;
    const csr = readFileSync(join(work, 'agents.der')).toString('base64');
    const claims = {
      iss: deviceUrn(device),
      aud,
      iat: Math.floor(Date.now() / 1_000),
      jti: randomUUIDv7(),
      csr,
    };
    link.send({ t: 'csr', jws: await seal(TYP.csr, claims, signer) });
    const { certificate } = payloadOf((await link.next('certificate')).jws);
    writeFileSync(join(work, 'agents.pem'), String(certificate));
    request('thief');
    expect(post('simplereenroll', 'thief', '--cert', 'agents.pem', '--key', 'agents.key').status).toBe(403);
    expect(readFileSync(join(work, 'thief.p7.b64'), 'utf8')).toContain('certificate_of_agent: ');
    const db = new DatabaseSync(folder.database, { readOnly: true });
    const noted = db.prepare("select detail from audit where action = 'refuse certificate' order by id desc");
    expect(noted.get()).toEqual({ detail: '{"reason":"certificate_of_agent"}' });
    db.close();
  });

  test('the list says so to openssl', () => {
    must('curl', '-sS', '-o', 'devices.crl', server.crl ?? '');
    must('openssl', 'crl', '-inform', 'DER', '-in', 'devices.crl', '-out', 'devices.crl.pem');
    const { code, out, err } = run('openssl', [
      'verify',
      '-crl_check',
      '-CAfile',
      'ca.pem',
      '-CRLfile',
      'devices.crl.pem',
      'second.pem',
    ]);
    expect(code).not.toBe(0);
    expect(out + err).toContain('certificate revoked');
  });
});

describe('the authority', () => {
  test('keeps no root key in the server’s folder', () => {
    expect(existsSync(join(folder.path, 'ca/root.key.pem'))).toBe(false);
    expect(existsSync(join(stick, 'root.key.pem'))).toBe(true);
    expect(ca('init').err).toContain('already');
  });

  test('gives gateways a certificate with name and address, and says what ends when', () => {
    must(
      'openssl',
      ...'req -new -newkey rsa:2048 -nodes -keyout gw.key -subj /CN=vpn.example.test -out gw.csr'.split(' '),
    );
    mustCa('issue', 'gw.csr', '--name', 'vpn.example.test', '--name', '198.51.100.1', '--out', 'gw.pem');
    expect(must('openssl', 'x509', '-in', 'gw.pem', '-noout', '-ext', 'subjectAltName')).toMatch(
      /DNS:vpn\.example\.test, IP Address:198\.51\.100\.1/,
    );
    const status = JSON.parse(mustCa('status', '--json')) as {
      gateways: { name: string }[];
      problems: string[];
    };
    expect(status.gateways.map(({ name }) => name)).toEqual(['vpn.example.test']);
    expect(status.problems).toEqual([]);
  });

  test('is renewed by the offline root; certificates from before stay good, and the drill of restoring it works', async () => {
    await report();
    mustCa('intermediate', 'csr', '--out', 'issuing.csr');
    must(
      process.execPath,
      cli,
      'ca',
      'intermediate',
      'sign',
      'issuing.csr',
      '--root',
      stick,
      '--out',
      'issuing.pem',
    );
    mustCa('intermediate', 'import', 'issuing.pem');
    expect(ca('intermediate', 'import', join(stick, 'root.pem')).code).not.toBe(0);
    // The drill: the folder is lost, and put back from a copy.
    must('cp', '-a', join(folder.path, 'ca'), 'copy');
    await server.kill('SIGTERM');
    rmSync(join(folder.path, 'ca'), { recursive: true });
    must('cp', '-a', 'copy', join(folder.path, 'ca'));
    server = await startServerProcess(folder.path);
    link = await connected(server.target, link.identity);
    await report();
    request('fourth');
    expect(post('simpleenroll', 'fourth', '-u', `${link.identity.device}:${token()}`).status).toBe(200);
    unpack('fourth');
    fetchAuthorities();
    expect(must('openssl', 'verify', '-CAfile', 'ca.pem', 'fourth.pem')).toContain('OK');
    expect(
      must('openssl', 'verify', '-CAfile', join(stick, 'root.pem'), '-untrusted', 'gw.pem', 'gw.pem'),
    ).toContain('OK');
  });

  test('lost without a copy, it is made again below the root that gateways trust already', async () => {
    await server.kill('SIGTERM');
    rmSync(join(folder.path, 'ca'), { recursive: true });
    mustCa('intermediate', 'csr', '--out', 'again.csr');
    const sign = ['ca', 'intermediate', 'sign', 'again.csr', '--root', stick, '--out', 'again.pem'];
    must(process.execPath, cli, ...sign);
    mustCa('intermediate', 'import', 'again.pem', '--root', join(stick, 'root.pem'));
    server = await startServerProcess(folder.path);
    link = await connected(server.target, link.identity);
    await report();
    request('fifth');
    expect(post('simpleenroll', 'fifth', '-u', `${link.identity.device}:${token()}`).status).toBe(200);
    unpack('fifth');
    const trusted = ['-CAfile', join(stick, 'root.pem'), '-untrusted', join(folder.path, 'ca/issuing.pem')];
    expect(must('openssl', 'verify', ...trusted, 'fifth.pem')).toContain('OK');
  });
});
