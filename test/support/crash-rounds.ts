import { randomUUIDv7 } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as wait } from 'node:timers/promises';
import { bulkyReadings } from '../server/fixtures.ts';
import { connected, enrol, isIdentity, type Identity, type Target } from '../server/test-agent.ts';
import { serverFolder, startServerProcess } from './server-process.ts';

const DEVICES = 4;

export type CrashResult = {
  rounds: number;
  acknowledged: number;
  /** Acknowledged, and not in the database afterwards. */
  lost: number;
  /** In the database more than once. */
  twice: number;
  /** Sent again after a kill because no answer had come. */
  resent: number;
  alarms: number;
};

type Pending = { id: string; collectedAt: string };
type Device = {
  identity: Identity;
  boot: string;
  pending: Pending | null;
  acknowledged: string[];
  resent: number;
  round: number;
};

/**
 * Kills the server with -9 again and again while devices report without pause, then counts. A device resends what was
 * not acknowledged, under the same id, as an agent's spool does.
 */
export async function crashRounds(rounds: number, port: number): Promise<CrashResult> {
  const folder = serverFolder(port);
  const devices: Device[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const server = await startServerProcess(folder.path);
      while (devices.length < DEVICES) devices.push(await newDevice(server.target, folder.token()));
      const load = devices.map((device) => reportUntilCut(device, server.target));
      await Promise.race([wait(20 + Math.random() * 300), refusals(load)]);
      await server.kill('SIGKILL');
      // Answers that had left the server before it died still arrive, and count.
      await wait(50);
      for (const device of devices) device.round += 1;
    }
    return { rounds, resent: sum(devices, (device) => device.resent), ...audit(folder.database, devices) };
  } finally {
    folder.remove();
  }
}

async function newDevice(target: Target, token: string): Promise<Device> {
  const identity = await enrol(target, token);
  if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
  return {
    identity,
    boot: Buffer.alloc(16, randomUUIDv7()).toString('base64url'),
    pending: null,
    acknowledged: [],
    resent: 0,
    round: 0,
  };
}

/** Ends only when the server refused something, which it never should. */
async function refusals(load: readonly Promise<void>[]): Promise<never> {
  await Promise.all(load);
  return new Promise(() => {});
}

async function reportUntilCut(device: Device, target: Target): Promise<void> {
  const { round } = device;
  try {
    const link = await connected(target, device.identity, { boot: device.boot });
    for (;;) {
      if (device.pending) device.resent += 1;
      device.pending ??= { id: randomUUIDv7(), collectedAt: new Date().toISOString() };
      const { id, collectedAt } = device.pending;
      const answer = await link.report({
        id,
        readings: bulkyReadings(collectedAt),
        change: { collected_at: collectedAt },
      });
      if (device.round !== round) return;
      if (answer.t !== 'ack') throw new Error(`refused: ${answer.err}`);
      device.acknowledged.push(id);
      device.pending = null;
    }
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('refused')) throw error;
    // Everything else is the cut itself.
  }
}

function audit(database: string, devices: Device[]): Omit<CrashResult, 'rounds' | 'resent'> {
  const db = new DatabaseSync(database, { readOnly: true });
  const count = db.prepare('select count(*) as n from reports where device = ? and id = ?');
  const counts = devices.flatMap(({ identity, acknowledged }) =>
    acknowledged.map((id) => Number(count.get(identity.device, id)?.n ?? 0)),
  );
  const alarms = Number(db.prepare('select count(*) as n from alarms').get()?.n ?? 0);
  const twice = Number(
    db
      .prepare('select count(*) as n from (select 1 from reports group by device, id having count(*) > 1)')
      .get()?.n ?? 0,
  );
  db.close();
  return { acknowledged: counts.length, lost: counts.filter((n) => n === 0).length, twice, alarms };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
