import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { statePaths } from '../../src/agent/paths.ts';
import { enrolWith, eventually, startServer, temporaryFolder } from '../agent/harness.ts';

const CHILD = join(import.meta.dirname, '../agent/child.ts');
const KILLS = 20;

function startChild(stateDir: string): ChildProcess {
  const child = spawn(process.execPath, [CHILD, stateDir], { stdio: ['ignore', 'inherit', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const ended = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function waitingIn(stateDir: string): Promise<string[]> {
  const names = await readdir(statePaths(stateDir).spool).catch(() => []);
  return names.filter((name) => /^[0-9a-f-]{36}\.json$/.test(name)).map((name) => name.slice(0, 36));
}

test(`killed ${KILLS} times at any moment: nothing lost, nothing new twice, no number used again`, async () => {
  const server = await startServer({ ackDelayMs: 15, welcome: { heartbeat_s: 0.05 } });
  const folder = await temporaryFolder();
  await enrolWith(server, folder);
  let careless = true;
  const seen: { jti: string; seq: number; collectedAt: string }[] = [];
  server.react = ({ jti, seq, collected_at }) => {
    seen.push({ jti, seq, collectedAt: collected_at });
    return careless && Math.random() < 0.1 ? 'close' : 'ack';
  };
  const connectChild = async () => {
    const before = server.connections.length;
    const child = startChild(folder);
    await eventually('a connection', () => server.connections.length > before);
    return child;
  };
  const onDisk = new Set<string>();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const child = await connectChild();
    await pause(Math.random() * 400);
    child.kill('SIGKILL');
    await ended(child);
    for (const id of await waitingIn(folder)) onDisk.add(id);
  }
  careless = false;
  const last = await connectChild();
  const drained = () => [...onDisk].every((id) => server.reportIds.includes(id));
  await expect.poll(drained, { timeout: 30_000, interval: 50 }).toBe(true);
  last.kill('SIGTERM');
  expect(await ended(last)).toBe(0);

  expect(seen.length).toBeGreaterThan(KILLS);
  const seqs = seen.map(({ seq }) => seq);
  expect(new Set(seqs).size).toBe(seqs.length);
  expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  const times = new Map<string, string>();
  for (const { jti, collectedAt } of seen) {
    expect(times.get(jti) ?? collectedAt).toBe(collectedAt);
    times.set(jti, collectedAt);
  }
  expect(server.reports.every(({ dropped }) => dropped === 0)).toBe(true);
  const runs = JSON.parse(await readFile(statePaths(folder).runs, 'utf8'));
  expect(runs).toEqual({ running: false, crashes: KILLS, inRow: 0 });
});
