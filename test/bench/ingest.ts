import { readFileSync } from 'node:fs';
import { seal, TYP, verified } from '../../src/wire/envelope.ts';
import { toWire } from '../../src/wire/report.ts';
import { bulkyReadings } from '../server/fixtures.ts';
import { connected, enrol, isIdentity, type Target, type TestLink } from '../server/test-agent.ts';
import { serverFolder, startServerProcess } from '../support/server-process.ts';
import { memorySigner } from '../wire/fixtures.ts';
import { percentile, ratio, type Bench, type BenchReport, type Measure } from './report.ts';

const DEVICES = 32;
const WARM_UP_MS = 2_000;
const SECONDS = 10;
const TICK_MS = 10;

/** Devices on loopback that report without pause, and bare signature checks of the same tokens in the same run. */
export const bench: Bench = {
  what: `Reports verified, judged and on disk: ${DEVICES} devices, ${SECONDS} s; bare ES256 checks beside it`,
  async run() {
    const folder = serverFolder(0);
    const server = await startServerProcess(folder.path);
    try {
      const links: TestLink[] = [];
      while (links.length < DEVICES) links.push(await newLink(server.target, folder.token()));
      return reportOf(await load(links, server.child.pid ?? 0), await bareChecks());
    } finally {
      await server.kill('SIGTERM');
      folder.remove();
    }
  },
};

async function newLink(target: Target, token: string): Promise<TestLink> {
  const identity = await enrol(target, token);
  if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
  return connected(target, identity);
}

type Loaded = {
  acknowledged: number;
  seconds: number;
  latencies: number[];
  bytes: number;
  serverCpu: number;
};

async function load(links: TestLink[], pid: number): Promise<Loaded> {
  const until = performance.now() + WARM_UP_MS + SECONDS * 1_000;
  const from = performance.now() + WARM_UP_MS;
  const latencies: number[] = [];
  const sample = await links[0]?.seal({ readings: bulkyReadings(new Date().toISOString()) });
  const cpu = new Promise<number>((resolve) => setTimeout(() => resolve(cpuMs(pid)), WARM_UP_MS));
  await Promise.all(
    links.map(async (link) => {
      while (performance.now() < until) {
        const started = performance.now();
        const answer = await link.report({ readings: bulkyReadings(new Date().toISOString()) });
        if (answer.t !== 'ack') throw new Error(`refused: ${answer.err}`);
        if (started >= from) latencies.push(performance.now() - started);
      }
    }),
  );
  const seconds = (performance.now() - from) / 1_000;
  const serverCpu = (cpuMs(pid) - (await cpu)) / 1_000 / seconds;
  return { acknowledged: latencies.length, seconds, latencies, bytes: sample?.length ?? 0, serverCpu };
}

/** Signature checks a second of a token as large as the reports, through the very function that the server uses. */
async function bareChecks(): Promise<number> {
  const signer = await memorySigner();
  const jws = await seal(TYP.report, { readings: toWire(bulkyReadings(new Date().toISOString())) }, signer);
  const started = performance.now();
  let done = 0;
  const worker = async () => {
    while (performance.now() - started < 3_000) {
      if ((await verified(jws, signer.jwk)).ok) done += 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return done / ((performance.now() - started) / 1_000);
}

function reportOf(loaded: Loaded, checks: number): BenchReport {
  const reports: Measure = {
    what: 'reports acknowledged',
    value: loaded.acknowledged / loaded.seconds,
    unit: '1/s',
    note: `${loaded.bytes} bytes each, on disk before the ack`,
  };
  const bare: Measure = {
    what: 'bare ES256 checks',
    value: checks,
    unit: '1/s',
    note: 'the limit: same function, nothing else',
  };
  return {
    measures: [
      reports,
      bare,
      { what: 'ack, median', value: percentile(loaded.latencies, 0.5), unit: 'ms' },
      { what: 'ack, 99 of 100', value: percentile(loaded.latencies, 0.99), unit: 'ms' },
      {
        what: 'server CPU',
        value: loaded.serverCpu,
        unit: 'cores',
        note: 'the rest of the machine makes the load',
      },
    ],
    ratios: [ratio('whole path to bare check', reports, bare)],
    goals: [],
    notes: ['The devices run on the same machine and sign what they send, which takes CPU from the server.'],
  };
}

/** User and system time of a process (proc_pid_stat(5), fields 14 and 15, 100 ticks a second), milliseconds. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
