import { randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { healthyReadings } from '../server/fixtures.ts';
import { gatewayCredential, gatewayWith, type Gateway } from '../server/gateway.ts';
import { NAS_SECRET, startNas, type TestNas } from '../server/nas.ts';
import { connected, enrol, isIdentity, type Target, type TestLink } from '../server/test-agent.ts';
import { freeTcpPort } from '../support/freeradius.ts';
import { bareSyncs } from '../support/bare-syncs.ts';
import { serverFolder, startServerProcess } from '../support/server-process.ts';
import { percentile, ratio, type BenchReport, type Measure } from './report.ts';

const ROUNDS = 100;
const WARM_UP = 10;
/** The bridge goes up within a second. */
const GOAL_MS = 1_000;

type Found = { nas: number[]; laptop: number[]; back: number[]; refused: number[]; syncs: number[] };

/** One device with a session; a severe signal cuts it off, its end lets it in again, round after round. */
export async function measureOnLoopback(): Promise<BenchReport> {
  const stack = await startStack();
  const found: Found = { nas: [], laptop: [], back: [], refused: [], syncs: [] };
  try {
    for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
      const one = await cutAndHeal(stack, round);
      if (round < WARM_UP) continue;
      for (const [name, ms] of Object.entries(one)) found[name as keyof typeof one].push(ms);
      found.refused.push(await refused(stack));
      found.syncs.push(...bareSyncs(stack.folder, 4));
    }
    return reportOf(found);
  } finally {
    await stack.stop();
  }
}

type Stack = {
  folder: string;
  target: Target;
  secret: string;
  gateway: Gateway;
  nas: TestNas;
  link: TestLink;
  stop(): Promise<void>;
};

async function startStack(): Promise<Stack> {
  const folder = serverFolder(await freeTcpPort());
  const nas = await startNas();
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  writeFileSync(join(folder.path, 'edr.secret'), secret, { mode: 0o600 });
  writeFileSync(join(folder.path, 'nas.secret'), NAS_SECRET, { mode: 0o600 });
  appendFileSync(join(folder.path, 'server.yaml'), settings(nas.port));
  const credential = await gatewayCredential(folder.database);
  const server = await startServerProcess(folder.path);
  const identity = await enrol(server.target, folder.token());
  if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
  const link = await connected(server.target, identity);
  await link.report({ readings: healthyReadings(new Date().toISOString()) });
  return {
    folder: folder.path,
    target: server.target,
    secret,
    gateway: gatewayWith(() => server.target, credential),
    nas,
    link,
    async stop() {
      link.close();
      await server.kill('SIGTERM');
      nas.close();
      folder.remove();
    },
  };
}

const settings = (port: number) => `
signals: [{ source: edr, secretFile: edr.secret }]
radius:
  nas:
    - name: lns-1
      dynamicAuthorization: { host: 127.0.0.1, port: ${port}, secretFile: nas.secret }
`;

async function cutAndHeal(
  stack: Stack,
  round: number,
): Promise<{ nas: number; laptop: number; back: number }> {
  const { nas, link, gateway } = stack;
  await dial(gateway, round);
  await link.heartbeat();
  link.frames.splice(0);
  const asked = nas.next(30_000).then(() => nas.requests.at(-1)?.at ?? Number.NaN);
  const ordered = link.next('order', 30_000).then(() => performance.now());
  const cut = await send(stack, 'open', round);
  const [atNas, atLaptop] = [await asked, await ordered];
  link.frames.splice(0);
  const allowed = link.next('order', 30_000).then(() => performance.now());
  const healed = await send(stack, 'closed', round);
  return { nas: atNas - cut, laptop: atLaptop - cut, back: (await allowed) - healed };
}

async function dial(gateway: Gateway, round: number): Promise<void> {
  const login = await gateway.login('alice');
  if (login['control:Tmp-String-0'] !== 'allow') throw new Error(JSON.stringify(login));
  await gateway.account({
    'Acct-Status-Type': 'Start',
    'User-Name': 'alice',
    'NAS-Port': round,
    'Framed-IP-Address': `10.9.${round >> 8}.${round & 255}`,
    'Acct-Session-Id': `s${round}`,
    Class: login['reply:Class'] ?? '',
  });
}

/** Sends a signed webhook; resolves with the moment at which its last byte was handed to the system. */
function send(stack: Stack, state: 'open' | 'closed', round: number): Promise<number> {
  const device = { id: stack.link.identity.device };
  const payload = JSON.stringify({ id: 'alert', device, severity: 'high', state, title: 'Bench' });
  return post(stack, payload, `${state}-${round}`, stack.secret).then(({ sent, status }) => {
    if (status !== 200) throw new Error(`status ${status}`);
    return sent;
  });
}

/** What a webhook costs that is thrown away: connection, TLS and one answer. */
async function refused(stack: Stack): Promise<number> {
  const { sent, status, answered } = await post(
    stack,
    '{}',
    'none',
    `whsec_${randomBytes(32).toString('base64')}`,
  );
  if (status !== 401) throw new Error(`status ${status}`);
  return answered - sent;
}

function post({ target }: Stack, payload: string, id: string, secret: string) {
  const at = new Date();
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, payload),
  };
  const options = { method: 'POST', headers, ca: target.ca, agent: false };
  return new Promise<{ sent: number; answered: number; status: number }>((resolve, reject) => {
    let sent = Number.NaN;
    const outgoing = request(new URL('/v1/signals/edr', target.url), options, (incoming) => {
      incoming.resume().once('end', () => {
        resolve({ sent, answered: performance.now(), status: incoming.statusCode ?? 0 });
      });
    });
    outgoing.once('error', reject);
    outgoing.once('finish', () => (sent = performance.now()));
    outgoing.end(payload);
  });
}

function reportOf({ nas, laptop, back, refused: thrown, syncs }: Found): BenchReport {
  const both = (what: string, values: number[]): Measure[] =>
    [0.5, 0.99].map((p) => ({ what: `${what}, p${p * 100}`, value: percentile(values, p), unit: 'ms' }));
  const measures = [
    ...both('webhook’s last byte to the NAS’s Disconnect-Request', nas),
    ...both('webhook’s last byte to the laptop’s order', laptop),
    ...both('the signal’s end to the laptop’s order', back),
    ...both('a webhook with a wrong signature, answered', thrown),
    ...both('one durable write of 4 KiB', syncs),
  ];
  const [nasMedian, , laptopMedian, , , , , , sync] = measures as [Measure, ...Measure[]] & Measure[];
  const goal = (what: string, values: number[]) => {
    const worst = percentile(values, 0.99);
    return { what, goal: `${GOAL_MS} ms`, value: `${worst.toFixed(1)} ms`, met: worst <= GOAL_MS };
  };
  return {
    measures,
    ratios: [ratio('to the NAS', nasMedian, sync!), ratio('to the laptop', laptopMedian!, sync!)],
    goals: [goal('p99 to the NAS', nas), goal('p99 to the laptop', laptop), goal('p99 back', back)],
    notes: [
      'The server is a process of its own; NAS and laptop are stand-ins on loopback. What gateway and laptop then need to stop the tunnel’s packets is not in here.',
    ],
  };
}
