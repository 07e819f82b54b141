// Certificates: how many a second, how long for a whole office at once, and how soon a device that is well again has one.
import { spawnSync } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificateState, type CertificateStore } from '../../src/agent/certificate/certificate-store.ts';
import { CertificateKeeper } from '../../src/agent/certificate/keeper.ts';
import { softwareVpnKey } from '../../src/agent/certificate/vpn-key.ts';
import { createBell } from '../../src/agent/bell.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { putEstToken } from '../../src/server/store/certificates.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { certificateClaims } from '../../src/wire/certificate.ts';
import { open, seal, TYP } from '../../src/wire/envelope.ts';
import { deviceUrn } from '../../src/wire/ids.ts';
import { hashSecret } from '../../src/wire/token.ts';
import { makeCsr } from '../server/csr.ts';
import { healthyReadings, OPEN_DETECTION } from '../server/fixtures.ts';
import { connected, enrol, exchange, isIdentity, type TestLink } from '../server/test-agent.ts';
import { serverFolder, startServerProcess, type ServerProcess } from '../support/server-process.ts';
import { percentile, ratio, type Bench, type BenchReport, type Measure } from './report.ts';

const OFFICE = 100;
/** Each device becomes ill and well again so often: fewer requests a minute than the server takes of one device. */
const PATIENTS = 10;
const ROUNDS = 5;
const PEERS = 40;
const GOAL_MS = 1_000;
const WAIT_MS = 30_000;

const cli = join(import.meta.dirname, '../../src/cli/drawbridge-server.ts');

export const bench: Bench = {
  what: `Certificates: ${OFFICE} devices at once, ${PATIENTS * ROUNDS} recoveries; openssl beside it`,
  async run() {
    const work = mkdtempSync(join(tmpdir(), 'drawbridge-bench-ca-'));
    const folder = serverFolder(0);
    // Everything below the folder of the test: the root, too.
    must(process.execPath, [cli, 'ca', 'init', '--data', folder.path]);
    appendFileSync(join(folder.path, 'server.yaml'), 'ca: { est: { port: 0 } }\n');
    const server = await startServerProcess(folder.path);
    try {
      const links: TestLink[] = [];
      const token = fleetToken(folder.path);
      while (links.length < OFFICE) links.push(await newLink(server, token));
      for (const link of links) await report(link, 'well');
      const office = await renewals(links);
      const patients = links.slice(0, PATIENTS);
      const pushed = await recoveries(patients, work);
      const est = await overEst(patients, server, folder.database);
      return reportOf(office, pushed, est, peer(work, folder.path));
    } finally {
      await server.kill('SIGTERM');
      folder.remove();
      rmSync(work, { recursive: true });
    }
  },
};

function must(program: string, argv: string[]): string {
  const done = spawnSync(program, argv, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${program} ${argv.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

function fleetToken(data: string): string {
  const argv = ['token', 'create', '--uses', String(OFFICE), '--data', data, '--json'];
  return (JSON.parse(must(process.execPath, [cli, ...argv])) as { token: string }).token;
}

async function newLink(server: ServerProcess, token: string): Promise<TestLink> {
  const identity = await enrol(server.target, token);
  if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
  return connected(server.target, identity);
}

/** Answers with the moment of the acknowledgement. */
async function report(link: TestLink, how: 'well' | 'ill'): Promise<number> {
  const change = how === 'ill' ? { detections: OPEN_DETECTION } : {};
  const answer = await link.report({ readings: healthyReadings(new Date().toISOString(), change) });
  if (answer.t !== 'ack') throw new Error(answer.err);
  return performance.now();
}

async function sendRequest(link: TestLink, csr: string): Promise<void> {
  const { device, server: aud, report: signer } = link.identity;
  const iat = Math.floor(Date.now() / 1_000);
  const claims = { iss: deviceUrn(device), aud, iat, jti: randomUUIDv7(), csr };
  link.send({ t: 'csr', jws: await seal(TYP.csr, claims, signer) });
}

type Office = { ms: number[]; perSecond: number };

/** Keys are made beforehand, as agents do, and all ask in the same moment. */
async function renewals(links: TestLink[]): Promise<Office> {
  const requests: string[] = [];
  while (requests.length < links.length) requests.push((await makeCsr()).toString('base64'));
  const started = performance.now();
  const ms = await Promise.all(
    links.map(async (link, index) => {
      await sendRequest(link, requests[index] ?? '');
      await link.next('certificate', WAIT_MS);
      return performance.now() - started;
    }),
  );
  return { ms, perSecond: links.length / (Math.max(...ms) / 1_000) };
}

/** From the acknowledgement of the healthy report until the agent's keeper has installed what came. */
async function recoveries(links: TestLink[], work: string): Promise<number[]> {
  const all: number[] = [];
  for (const [index, link] of links.entries()) {
    const patient = await patientOf(link, join(work, `certificate-${index}.json`));
    for (let round = 0; round < ROUNDS; round += 1) all.push(await patient.recover(round));
  }
  return all;
}

async function patientOf(link: TestLink, path: string) {
  let installedAt = 0;
  const store: CertificateStore = {
    install: async () => void (installedAt = performance.now()),
    remove: async () => {},
  };
  const log = createLogger('bench', 'silent');
  const ready = createBell<void>();
  let keys = 0;
  ready.listen(() => (keys += 1));
  const keeper = new CertificateKeeper({
    store,
    file: stateFile(path, certificateState, log),
    clock: { ...systemClock, offsetMs: () => 0, uncorrected: systemClock.now, correct: () => false },
    log,
    keys: () => ({ newVpnKey: softwareVpnKey }),
    ready,
    tell: () => {},
  });
  await keeper.offered(link.identity.device);
  const decided = async (access: 'allow' | 'deny') => {
    for (;;) {
      const { decision } = await link.next('decision', WAIT_MS);
      await keeper.decided(decision);
      if (decision.access === access) return;
    }
  };
  return {
    async recover(round: number): Promise<number> {
      await report(link, 'ill');
      await decided('deny');
      await until(() => keys > round);
      link.frames.length = 0;
      const acknowledged = await report(link, 'well');
      await decided('allow');
      const csr = keeper.due();
      if (csr === null) throw new Error('there is nothing to ask for ');
      await sendRequest(link, csr);
      const { jws } = await link.next('certificate', WAIT_MS);
      const opened = await open(jws, link.identity.orderKeys[0] as never, certificateClaims);
      const taken = opened.ok ? await keeper.take(opened.value) : opened;
      if (!taken.ok) throw new Error(taken.error);
      return Math.max(0, installedAt - acknowledged);
    },
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error('no key was made');
    await systemClock.sleep(10);
  }
}

/** A client that was told to wait asks again in the moment of the acknowledgement: what the server needs for it. */
async function overEst(links: TestLink[], server: ServerProcess, database: string): Promise<number[]> {
  const all: number[] = [];
  for (const link of links) {
    const { device } = link.identity;
    const secret = randomUUIDv7();
    const store = await openSqlite(database);
    const row = { device, hash: hashSecret(secret), created_at: 0, expires_at: Date.now() + 600_000 };
    await store.write((db) => putEstToken(db, row));
    await store.close();
    const csr = (await makeCsr()).toString('base64');
    const ask = () =>
      exchange(
        { url: server.est ?? '', ca: server.target.ca },
        'POST',
        '/.well-known/est/simpleenroll',
        csr,
        {
          'content-type': 'application/pkcs10',
          authorization: `Basic ${Buffer.from(`${device}:${secret}`).toString('base64')}`,
        },
      );
    await report(link, 'ill');
    const refused = await ask();
    const acknowledged = await report(link, 'well');
    const given = await ask();
    if (refused.status !== 202 || given.status !== 200)
      throw new Error(`${refused.status} ${given.status}: ${JSON.stringify(given.body)}`);
    all.push(performance.now() - acknowledged);
  }
  return all;
}

/** `openssl x509 -req` with the same key of 3072 bits, a program for each certificate. */
function peer(work: string, data: string): number {
  const at = (name: string) => join(work, name);
  must('openssl', [
    ...'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x'.split(' '),
    '-keyout',
    at('peer.key'),
    '-out',
    at('peer.csr'),
  ]);
  writeFileSync(
    at('peer.ext'),
    'extendedKeyUsage=clientAuth\nsubjectAltName=DNS:x.example.test\nbasicConstraints=critical,CA:FALSE\n',
  );
  const argv = ['x509', '-req', '-in', at('peer.csr'), '-CA', join(data, 'ca/issuing.pem')];
  argv.push('-CAkey', join(data, 'ca/issuing.key.pem'), '-days', '1', '-extfile', at('peer.ext'));
  argv.push('-set_serial', '1', '-out', at('peer.pem'));
  const started = performance.now();
  for (let count = 0; count < PEERS; count += 1) must('openssl', argv);
  return PEERS / ((performance.now() - started) / 1_000);
}

function reportOf(office: Office, pushed: number[], est: number[], openssl: number): BenchReport {
  const measure = (what: string, value: number, unit: string, note = ''): Measure => ({
    what,
    value,
    unit,
    note,
  });
  const given = measure(
    'certificates given',
    office.perSecond,
    '1/s',
    'judged, signed, on disk and on record',
  );
  const bare = measure('openssl x509 -req', openssl, '1/s', 'the same key, a program each, nothing kept');
  const tail = (what: string, ms: number[]) => [
    measure(`${what}, median`, percentile(ms, 0.5), 'ms'),
    measure(`${what}, 99 of 100`, percentile(ms, 0.99), 'ms', `${ms.length} times`),
  ];
  const worst = percentile(pushed, 0.99);
  const worstEst = percentile(est, 0.99);
  const goal = (what: string, ms: number) => ({
    what,
    goal: `under ${GOAL_MS} ms`,
    value: `${ms.toFixed(0)} ms`,
    met: ms < GOAL_MS,
  });
  return {
    measures: [
      given,
      bare,
      ...tail(`${OFFICE} devices at once`, office.ms),
      ...tail('from the healthy report’s acknowledgement to the installed certificate', pushed),
      ...tail('the same by EST, asked in that moment', est),
    ],
    ratios: [ratio('certificates a second', given, bare)],
    goals: [goal('well again to certificate, 99 of 100', worst), goal('by EST, 99 of 100', worstEst)],
    notes: [
      'The agent waits for the decision, which the server sends when it has changed, with a key that it has made before. An EST client asks again when Retry-After (10 s) is over.',
    ],
  };
}
