import { randomUUIDv7 } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../base/json.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { isIn } from '../../policy/groups.ts';
import type { Policy } from '../../policy/policy.ts';
import { noDevice, type By, type Refused } from '../administer.ts';
import { acceptServers } from '../store/l2tp-servers.ts';
import { clearAlarmOf } from '../store/alarms.ts';
import { audit } from '../store/audit.ts';
import { findDevice, listDevices } from '../store/devices.ts';
import { changeRollout, findRollout, insertRollout, moveRolloutDevices } from '../store/rollouts.ts';
import type { Db } from '../store/store.ts';
import type { RolloutRow } from '../store/l2tp-tables.ts';

const MAX_DEVICES = 100_000;
const HOUR_MS = 3_600_000;
const MAX_SECONDS = 30 * 86_400;
const names = z.array(z.string().min(1).max(100)).min(1).max(1_000);

/** Whom it means: all that is named has to hold. */
const selection = z
  .strictObject({
    devices: z.array(z.uuid()).min(1).max(10_000).optional(),
    /** Any of these tags, of these groups of the directory; the policy's group of this name. */
    tags: names.optional(),
    directoryGroups: names.optional(),
    group: z.string().min(1).max(100).optional(),
    /** Those that have an L2TP server now, or somebody who listens on its port. */
    found: z.literal(true).optional(),
  })
  .refine((value) => Object.keys(value).length > 0, {
    message: 'has to say whom it means: devices, tags, directoryGroups, group or found',
  });

export type Selection = z.infer<typeof selection>;

/** An L2TP server closed, or put back, on many devices: `POST /v1/l2tp-server/rollouts`. */
export const rolloutRequest = z.strictObject({
  action: z.enum(['close', 'reopen']),
  to: selection,
  way: z.enum(['service', 'firewall']).default('service'),
  /** Clients that are connected may be cut off. */
  evenIfUsed: z.boolean().default(false),
  /** Closed for so long: then each device reopens by itself. */
  durationSeconds: z.number().int().min(10).max(MAX_SECONDS).optional(),
  /** So many devices at a time. */
  batch: z.number().int().min(1).max(1_000).default(10),
  /** After so many failures nobody else is ordered. */
  stopAfter: z.number().int().min(1).max(1_000).default(3),
  /** For how long devices that are away are waited for. */
  withinHours: z.number().min(0.1).max(720).default(168),
  cause: z.string().max(500).default('ordered by an administrator'),
});

export type RolloutRequest = z.output<typeof rolloutRequest>;

type Wish = Pick<RolloutRequest, 'action' | 'way' | 'evenIfUsed' | 'batch' | 'stopAfter' | 'cause'> &
  Partial<Pick<RolloutRequest, 'durationSeconds' | 'withinHours'>>;

type Limits = Policy['l2tpServers'];

/** A unit of the store: puts a rollout on record; the running server goes on from there. */
export async function requestRollout(
  db: Db,
  request: RolloutRequest,
  policy: Policy,
  by: By,
): Promise<Result<string, Refused>> {
  const devices = await selectDevices(db, request.to, policy);
  if (!devices.ok) return devices;
  return ok(await addRollout(db, request, devices.value, { ...by, limits: policy.l2tpServers }));
}

/** Waits for approval where the policy asks for it. Answers with the rollout's id. */
export async function addRollout(
  db: Db,
  wish: Wish,
  devices: readonly string[],
  { actor, now, limits }: By & { limits: Limits },
): Promise<string> {
  const { action, way, evenIfUsed, batch, stopAfter, cause, durationSeconds, withinHours = 168 } = wish;
  const id = randomUUIDv7();
  const value = action === 'close' ? { way, evenIfUsed } : {};
  const isClosing = action === 'close' && durationSeconds !== undefined;
  const rollout: RolloutRow = {
    id,
    action,
    value: JSON.stringify(value),
    duration: isClosing ? durationSeconds * 1_000 : null,
    cause,
    actor,
    batch,
    stop_after: stopAfter,
    forgiven: 0,
    state: limits.approval ? 'unapproved' : 'running',
    note: limits.approval ? 'Waits for approval.' : '',
    created_at: now,
    expires_at: now + withinHours * HOUR_MS,
    approved_by: null,
    finished_at: null,
  };
  await insertRollout(db, rollout, devices);
  const detail = { devices: devices.length, ...value, cause };
  await audit(db, now, { actor, action: `l2tp-server ${action}`, subject: id, detail });
  return id;
}

async function selectDevices(db: Db, to: Selection, policy: Policy): Promise<Result<string[], Refused>> {
  const group = policy.groups.find(({ name }) => name === to.group);
  if (to.group !== undefined && group === undefined)
    return err({ code: 'not_found', hint: `The policy has no group "${to.group}".` });
  const all = await listDevices(db);
  const live = new Set(all.filter(({ status }) => status === 'live').map(({ id }) => id));
  const unknown = to.devices?.find((id) => !live.has(id));
  if (unknown !== undefined)
    return err({ code: 'not_found', hint: `${unknown} is no live device; see: drawbridge-server devices.` });
  const found = to.found === true ? await devicesWithServer(db) : null;
  const chosen = all
    .filter(({ id }) => live.has(id) && (found === null || found.has(id)))
    .map(({ id, tags, directory_groups }) => {
      return { id, tags: listOf(tags), directoryGroups: listOf(directory_groups) };
    })
    .filter((traits) => isIn({ ...to }, traits) && (group === undefined || isIn(group.match, traits)))
    .map(({ id }) => id);
  if (chosen.length > 0 && chosen.length <= MAX_DEVICES) return ok(chosen);
  const hint =
    chosen.length === 0 ? 'Nobody is meant by that.' : `That means more than ${MAX_DEVICES} devices.`;
  return err({ code: 'not_found', hint });
}

const shownFact = z.object({
  state: z.literal('known'),
  fact: z.object({ verdict: z.string(), listening: z.array(z.unknown()) }),
});

async function devicesWithServer(db: Db): Promise<Set<string>> {
  const rows = await db
    .selectFrom('readings')
    .select(['device', 'reading'])
    .where('check_id', '=', 'l2tp-server')
    .execute();
  const having = rows.filter(({ reading }) => {
    const parsed = shownFact.safeParse(parseJson(reading));
    return parsed.success && (parsed.data.fact.verdict === 'server' || parsed.data.fact.listening.length > 0);
  });
  return new Set(having.map(({ device }) => device));
}

function listOf(json: string): string[] {
  return z.array(z.string()).catch([]).parse(parseJson(json));
}

/** What may be done to a rollout that is there. */
export const ROLLOUT_CHANGES = ['approve', 'stop', 'resume'] as const;
export type RolloutChange = (typeof ROLLOUT_CHANGES)[number];

const EXPECTED: Record<RolloutChange, readonly RolloutRow['state'][]> = {
  approve: ['unapproved'],
  stop: ['unapproved', 'running'],
  resume: ['stopped'],
};

/** A unit of the store. `retry` gives those that failed another turn. */
export async function changeRolloutBy(
  db: Db,
  id: string,
  change: RolloutChange,
  { actor, now, retry = false }: By & { retry?: boolean },
): Promise<Result<null, Refused>> {
  const rollout = await findRollout(db, id);
  if (rollout === undefined)
    return err({
      code: 'not_found',
      hint: `There is no rollout ${id}; see: drawbridge-server l2tp-server list.`,
    });
  if (!EXPECTED[change].includes(rollout.state))
    return err({ code: 'wrong_state', hint: `This rollout is ${rollout.state}; ${change} does not apply.` });
  if (change === 'approve') await changeRollout(db, id, { state: 'running', note: '', approved_by: actor });
  if (change === 'stop') await stop(db, rollout, { actor, now });
  if (change === 'resume') await resume(db, rollout, retry);
  await audit(db, now, { actor, action: `l2tp-server ${change}`, subject: id, detail: { retry } });
  return ok(null);
}

/** One that nobody has approved is over: resuming it must not take approval's place. */
async function stop(db: Db, { id, state }: RolloutRow, { actor, now }: By): Promise<void> {
  if (state === 'running') return changeRollout(db, id, { state: 'stopped', note: `Stopped by ${actor}.` });
  const reason = 'It was not approved.';
  await moveRolloutDevices(db, id, 'waiting', { state: 'left-out', reason, finished_at: now });
  await changeRollout(db, id, { state: 'done', note: `Withdrawn by ${actor}.`, finished_at: now });
}

async function resume(db: Db, { id }: RolloutRow, retry: boolean): Promise<void> {
  if (retry)
    await moveRolloutDevices(db, id, 'failed', { state: 'waiting', reason: null, finished_at: null });
  const failed = await db
    .selectFrom('rollout_devices')
    .select((select) => select.fn.countAll().as('count'))
    .where('rollout', '=', id)
    .where('state', '=', 'failed')
    .executeTakeFirst();
  await changeRollout(db, id, { state: 'running', note: '', forgiven: Number(failed?.count ?? 0) });
}

/** A unit of the store: the servers that a device has are meant to be there. */
export async function acceptOn(db: Db, device: string, { actor, now }: By): Promise<Result<number, Refused>> {
  if ((await findDevice(db, device)) === undefined) return noDevice(device);
  const accepted = await acceptServers(db, device, actor);
  if (accepted === 0) return err({ code: 'not_found', hint: 'No L2TP server was ever seen on this device.' });
  await clearAlarmOf(db, { device, kind: 'l2tp_server' }, actor, now);
  await audit(db, now, { actor, action: 'accept l2tp-server', subject: device, detail: { accepted } });
  return ok(accepted);
}
