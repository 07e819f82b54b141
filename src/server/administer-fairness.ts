import { err, ok, type Result } from '../base/result.ts';
import { parseJson } from '../base/json.ts';
import { noDevice, type By, type Refused, type Touched } from './administer.ts';
import type { BreakGlass } from './break-glass.ts';
import type { BreakerState } from './breaker.ts';
import { putBreaker, storedBreaker } from './breaker-record.ts';
import { audit } from './store/audit.ts';
import { changeDevice, findDevice, type Device } from './store/devices.ts';
import type { Db } from './store/store.ts';

/*
 * What an administrator may do about fairness, as units of the store: the same whether the running server or the
 * command does it. Each leaves its mark in the audit record.
 */

const HOUR_MS = 3_600_000;
export const MAX_BREAK_GLASS_HOURS = 168;

/** Lets a device in for some hours, whatever its state; an earlier word about that is replaced. */
export async function breakGlass(
  db: Db,
  id: string,
  { hours, reason }: { hours: number; reason: string },
  { actor, now }: By,
): Promise<Result<Touched, Refused>> {
  const device = await liveDevice(db, id);
  if (!device.ok) return device;
  const word: BreakGlass = { since: now, until: now + hours * HOUR_MS, reason, by: actor };
  await changeDevice(db, device.value, { break_glass: JSON.stringify(word) }, now);
  await audit(db, now, { actor, action: 'break glass', subject: id, detail: { until: word.until, reason } });
  return ok([id]);
}

/** From now on the device is judged like any other. */
export async function endBreakGlass(
  db: Db,
  id: string,
  { actor, now }: By,
): Promise<Result<Touched, Refused>> {
  const device = await liveDevice(db, id);
  if (!device.ok) return device;
  if (device.value.break_glass === null) {
    return err({ code: 'wrong_state', hint: 'There is no break-glass for this device to end.' });
  }
  await changeDevice(db, device.value, { break_glass: null }, now);
  await audit(db, now, { actor, action: 'end break glass', subject: id });
  return ok([id]);
}

const COLUMNS = { tag: 'tags', 'directory group': 'directory_groups' } as const;

/** What kind of name a group of the policy matches. */
export type LabelKind = keyof typeof COLUMNS;

const MAX_LABELS = 100;

/** Gives a device names, or takes them away, by which the policy's groups know it. */
export async function label(
  db: Db,
  id: string,
  { kind, add, remove }: { kind: LabelKind; add: readonly string[]; remove: readonly string[] },
  { actor, now }: By,
): Promise<Result<Touched, Refused>> {
  const device = await findDevice(db, id);
  if (device === undefined) return noDevice(id);
  const before = parseJson(device[COLUMNS[kind]]) as string[];
  const after = [...new Set([...before, ...add])].filter((name) => !remove.includes(name)).toSorted();
  if (after.length > MAX_LABELS) {
    return err({
      code: 'wrong_state',
      hint: `A device can have ${MAX_LABELS} of these; take some away first.`,
    });
  }
  await changeDevice(db, device, { [COLUMNS[kind]]: JSON.stringify(after) }, now);
  await audit(db, now, { actor, action: `set ${kind}s`, subject: id, detail: { before, after } });
  return ok([id]);
}

const MINUTE_MS = 60_000;

/**
 * One person's word that the devices held by the breaker are to lose access. For `minutes` nothing is held, so that
 * the rest of the same wave does not trip it again.
 */
export async function confirmBreaker(
  db: Db,
  { minutes, reason }: { minutes: number; reason: string },
  { actor, now }: By,
): Promise<Result<BreakerState, Refused>> {
  const { trippedAt } = await storedBreaker(db);
  if (trippedAt === null) {
    return err({ code: 'wrong_state', hint: 'The breaker holds nobody; there is nothing to confirm.' });
  }
  const state = { trippedAt: null, openUntil: now + minutes * MINUTE_MS };
  await putBreaker(db, state);
  await audit(db, now, { actor, action: 'confirm breaker', subject: 'fleet', detail: { trippedAt, reason } });
  return ok(state);
}

async function liveDevice(db: Db, id: string): Promise<Result<Device, Refused>> {
  const device = await findDevice(db, id);
  if (device === undefined) return noDevice(id);
  if (device.status === 'live') return ok(device);
  return err({ code: 'wrong_state', hint: `This device is ${device.status}: it may not in anyway.` });
}
