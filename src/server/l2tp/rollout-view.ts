import { z } from 'zod';
import { iso } from '../../base/clock.ts';
import { parseJson } from '../../base/json.ts';
import { devicesOf, findRollout, latestRollouts, rolloutCounts } from '../store/rollouts.ts';
import { allServers, l2tpEvents } from '../store/l2tp-servers.ts';
import type { Db } from '../store/store.ts';
import type { RolloutDeviceRow, RolloutRow } from '../store/l2tp-tables.ts';

const time = z.iso.datetime();
const count = z.number().int();

export const rolloutSummary = z.object({
  id: z.string(),
  action: z.enum(['close', 'reopen']),
  state: z.enum(['unapproved', 'running', 'stopped', 'done']),
  /** Why it is stopped, or what it waits for. */
  note: z.string(),
  cause: z.string(),
  actor: z.string(),
  approvedBy: z.string().nullable(),
  batch: count,
  stopAfter: count,
  durationSeconds: z.number().nullable(),
  createdAt: time,
  expiresAt: time,
  finishedAt: time.nullable(),
  devices: z.object({ waiting: count, ordered: count, done: count, failed: count, 'left-out': count }),
});
export type RolloutSummary = z.infer<typeof rolloutSummary>;

/** What was seen of a device's L2TP server. */
const shown = z.object({
  verdict: z.string().nullable(),
  /** Such as `0.0.0.0:1701 xl2tpd`. */
  listening: z.array(z.string()),
  /** How the agent holds it closed; null where it does not, or does not say. */
  closed: z.enum(['service', 'firewall']).nullable(),
});
type Shown = z.infer<typeof shown>;

const rolloutDevice = z.object({
  device: z.string(),
  name: z.string(),
  state: z.enum(['waiting', 'ordered', 'done', 'failed', 'left-out']),
  reason: z.string().nullable(),
  order: z.string().nullable(),
  orderedAt: time.nullable(),
  finishedAt: time.nullable(),
  /** What was there, what was done about it, and what its latest report shows; null: nothing is known. */
  before: shown.nullable(),
  done: z.object({ way: z.string(), services: z.array(z.string()), until: time.nullable() }).nullable(),
  now: shown.nullable(),
});
export type RolloutDevice = z.infer<typeof rolloutDevice>;

/** `GET /v1/l2tp-server/rollouts/ID`: the report of before and after. */
export const rolloutDocument = rolloutSummary.extend({ report: z.array(rolloutDevice) });
export type RolloutDocument = z.infer<typeof rolloutDocument>;

export async function rolloutList(db: Db, limit: number): Promise<RolloutSummary[]> {
  return summaries(db, await latestRollouts(db, limit));
}

export async function rolloutReport(db: Db, id: string): Promise<RolloutDocument | null> {
  const found = await findRollout(db, id);
  if (found === undefined) return null;
  const [summary] = await summaries(db, [found]);
  if (summary === undefined) return null;
  const line = await devicesOf(db, id);
  const names = new Map(
    (await db.selectFrom('devices').select(['id', 'name']).execute()).map((one) => [one.id, one.name]),
  );
  const readings = await db
    .selectFrom('readings')
    .innerJoin('rollout_devices', 'rollout_devices.device', 'readings.device')
    .select(['readings.device', 'readings.reading'])
    .where('rollout_devices.rollout', '=', id)
    .where('readings.check_id', '=', 'l2tp-server')
    .execute();
  const latest = new Map(readings.map(({ device, reading }) => [device, reading]));
  const report = line.map((item) => deviceOf(item, names.get(item.device) ?? '', latest.get(item.device)));
  return { ...summary, report };
}

async function summaries(db: Db, rows: readonly RolloutRow[]): Promise<RolloutSummary[]> {
  const counts = await rolloutCounts(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map(({ id, action, state, note, cause, actor, batch, ...row }) => {
    const of = (wanted: RolloutDeviceRow['state']) =>
      counts.find((one) => one.rollout === id && one.state === wanted)?.count ?? 0;
    return {
      id,
      action,
      state,
      note,
      cause,
      actor,
      batch,
      approvedBy: row.approved_by,
      stopAfter: row.stop_after,
      durationSeconds: row.duration === null ? null : row.duration / 1_000,
      createdAt: iso(row.created_at),
      expiresAt: iso(row.expires_at),
      finishedAt: isoOr(row.finished_at),
      devices: {
        waiting: of('waiting'),
        ordered: of('ordered'),
        done: of('done'),
        failed: of('failed'),
        'left-out': of('left-out'),
      },
    };
  });
}

/** As receipts and facts write it; whatever else stands in them is left out. */
const written = z.object({
  verdict: z.string().nullable(),
  listening: z
    .array(
      z.object({
        address: z.string(),
        port: z.number(),
        owner: z.object({ process: z.string().nullable(), kernel: z.boolean().nullable() }),
      }),
    )
    .nullable(),
  closed: z.object({ way: z.enum(['service', 'firewall']) }).nullish(),
});
const writtenResult = z.object({
  before: written,
  closing: z
    .object({
      way: z.string(),
      units: z.array(z.object({ name: z.string() })),
      until: z.number().nullable(),
    })
    .nullable(),
});

function deviceOf(row: RolloutDeviceRow, name: string, reading: string | undefined): RolloutDevice {
  const { device, state, reason, order_id: order, ordered_at, finished_at } = row;
  const result = writtenResult.safeParse(row.result === null ? null : parseJson(row.result));
  const closing = result.success ? result.data.closing : null;
  const known = z.object({ fact: z.unknown() }).safeParse(reading === undefined ? null : parseJson(reading));
  const before = result.success ? result.data.before : row.before === null ? null : parseJson(row.before);
  return {
    device,
    name,
    state,
    reason,
    order,
    orderedAt: isoOr(ordered_at),
    finishedAt: isoOr(finished_at),
    before: shownOf(before),
    done:
      closing === null
        ? null
        : { way: closing.way, services: closing.units.map((unit) => unit.name), until: isoOr(closing.until) },
    now: shownOf(known.success ? known.data.fact : null),
  };
}

function shownOf(value: unknown): Shown | null {
  const parsed = written.safeParse(value);
  if (!parsed.success) return null;
  const { verdict, listening, closed } = parsed.data;
  const lines = (listening ?? []).map(({ address, port, owner }) => {
    const who = owner.process ?? (owner.kernel === true ? 'the kernel' : 'unknown');
    return `${address.includes(':') ? `[${address}]` : address}:${port} ${who}`;
  });
  return { verdict, listening: lines, closed: closed?.way ?? null };
}

export const knownServer = z.object({
  device: z.string(),
  name: z.string(),
  state: z.enum(['present', 'gone']),
  firstAt: time,
  changedAt: time,
  times: count,
  acceptedBy: z.string().nullable(),
});
export type KnownServer = z.infer<typeof knownServer>;

const LISTED = 1_000;

/** The baseline: every server that was ever seen on a device. */
export async function knownServers(db: Db): Promise<KnownServer[]> {
  const rows = await allServers(db, LISTED);
  return rows.map(({ device, name, state, first_at, changed_at, times, accepted_by }) => {
    return {
      device,
      name,
      state,
      times,
      firstAt: iso(first_at),
      changedAt: iso(changed_at),
      acceptedBy: accepted_by,
    };
  });
}

export const l2tpEvent = z.object({
  at: time,
  device: z.string(),
  kind: z.enum(['found', 'reappeared', 'reopened', 'gone', 'attempts']),
  text: z.string(),
});
export type L2tpEvent = z.infer<typeof l2tpEvent>;

export async function eventList(db: Db, device: string | null, limit: number): Promise<L2tpEvent[]> {
  const rows = await l2tpEvents(db, device, limit);
  return rows.map(({ at, device: of, kind, text }) => ({ at: iso(at), device: of, kind, text }));
}

function isoOr(at: number | null): string | null {
  return at === null ? null : iso(at);
}
