import type { Actor } from '../../base/actors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { isWithin } from '../../policy/closing.ts';
import type { Policy } from '../../policy/policy.ts';
import { payloadOf } from '../../wire/envelope.ts';
import { receiptClaims } from '../../wire/order.ts';
import type { Connections } from '../connections.ts';
import type { DeviceState } from '../device-state.ts';
import type { Orders } from '../orders.ts';
import { audit } from '../store/audit.ts';
import { acceptServers } from '../store/l2tp-servers.ts';
import { dropWanted, lastOrder, putWanted, receiptOf } from '../store/orders.ts';
import {
  changeRollout,
  changeRolloutDevice,
  devicesOf,
  moveRolloutDevices,
  runningRollouts,
} from '../store/rollouts.ts';
import type { Db, Store } from '../store/store.ts';
import type { RolloutDeviceRow, RolloutRow } from '../store/l2tp-tables.ts';
import type { OrderRow } from '../store/tables.ts';

export type RolloutParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  connections: Connections;
  orders: Pick<Orders, 'reconcile'>;
  policy(): Policy;
  /** A device as it was last heard; null when there is none. */
  stateOf(device: string): Promise<DeviceState | null>;
};

const LOOK_MS = 1_000;
/** An order is valid for 300 s; a device that has not answered by then has not taken it. */
const ANSWER_MS = 360_000;
/** A device that is done shows it in its next full report, at the latest. */
const PROOF_MS = 1_200_000;

/** Takes rollouts from batch to batch, from where the store says they are: a restart in between changes nothing. */
export function createRollouts(parts: RolloutParts): Actor {
  const { store, clock, log } = parts;
  return {
    name: 'rollouts',
    async run(signal) {
      while (!signal.aborted) {
        try {
          for (const rollout of await store.read(runningRollouts)) await goOn(parts, rollout);
        } catch (error) {
          log.warn({ err: error }, 'rollouts not looked after');
        }
        await clock.sleep(LOOK_MS, signal).catch(() => {});
      }
    },
  };
}

async function goOn(parts: RolloutParts, rollout: RolloutRow): Promise<void> {
  const { store, clock } = parts;
  const line = await store.read((db) => devicesOf(db, rollout.id));
  for (const item of line.filter(({ state }) => state === 'ordered')) await settle(parts, rollout, item);
  const now = await store.read((db) => devicesOf(db, rollout.id));
  const count = (state: RolloutDeviceRow['state']) => now.filter((item) => item.state === state).length;
  if (count('ordered') > 0 || rollout.state === 'stopped') return;
  const failed = count('failed') - rollout.forgiven;
  if (count('waiting') > 0 && failed >= rollout.stop_after)
    return finish(parts, rollout, 'stopped', `${failed} devices failed; the rest waits for: resume.`);
  if (count('waiting') === 0) return finish(parts, rollout, 'done', '');
  if (clock.now() >= rollout.expires_at) return leaveOut(parts, rollout);
  await orderNext(parts, rollout, now);
}

/** Notes the outcome of a device that was ordered, once there is one. */
async function settle(parts: RolloutParts, rollout: RolloutRow, item: RolloutDeviceRow): Promise<void> {
  const { store, clock } = parts;
  const { device } = item;
  const orderedAt = item.ordered_at ?? 0;
  const last = await store.read((db) => lastOrder(db, device, 'l2tp-server'));
  const order = last !== undefined && last.issued_at >= orderedAt ? last : undefined;
  const outcome = outcomeOf(order, clock.now() - orderedAt);
  if (outcome === null) return;
  await store.write(async (db) => {
    const result = order === undefined ? null : await resultOf(db, order.id);
    const change = { ...outcome, finished_at: clock.now(), order_id: order?.id ?? null, result };
    await changeRolloutDevice(db, item, change);
    await dropWanted(db, { device, aspect: 'l2tp-server', since: orderedAt });
    // Whoever closes a server does not accept it any more.
    if (outcome.state === 'done') {
      const by = rollout.action === 'close' ? null : rollout.actor;
      await acceptServers(db, device, by);
    }
  });
}

type Outcome = Pick<RolloutDeviceRow, 'reason'> & { state: 'done' | 'failed' };

function outcomeOf(order: OrderRow | undefined, waitedMs: number): Outcome | null {
  // One that was replaced because nobody answered says nothing of the device.
  const isUnanswered = order?.state === 'failed' && order.status === null;
  switch (isUnanswered ? 'sent' : order?.state) {
    case 'proven':
      return { state: 'done', reason: null };
    case 'failed':
      return { state: 'failed', reason: order?.reason ?? null };
    case 'done':
      return waitedMs < PROOF_MS
        ? null
        : { state: 'done', reason: 'The device says so; no report has shown it.' };
    default:
      return waitedMs < ANSWER_MS ? null : { state: 'failed', reason: 'The device did not answer.' };
  }
}

/** What the receipt says was before and after, as JSON. It was verified when it came. */
async function resultOf(db: Db, order: string): Promise<string | null> {
  const receipt = await receiptOf(db, order);
  const claims = receiptClaims.safeParse(receipt === undefined ? null : payloadOf(receipt.jws));
  return claims.success ? JSON.stringify(claims.data.oc2.results) : null;
}

/** The next batch: of those that are there now, the first in the line. */
async function orderNext(
  parts: RolloutParts,
  rollout: RolloutRow,
  line: readonly RolloutDeviceRow[],
): Promise<void> {
  const { connections, clock } = parts;
  const { window } = parts.policy().l2tpServers;
  if (!isWithin(window, clock.now()))
    return note(parts, rollout, 'Waits for the maintenance window of the policy.');
  const next = line
    .filter(({ state, device }) => state === 'waiting' && connections.of(device) !== undefined)
    .slice(0, rollout.batch);
  if (next.length === 0) return note(parts, rollout, 'Waits for devices that are away.');
  await note(parts, rollout, '');
  for (const item of next) await orderOne(parts, rollout, item);
}

async function orderOne(parts: RolloutParts, rollout: RolloutRow, item: RolloutDeviceRow): Promise<void> {
  const { store, clock, orders, stateOf } = parts;
  const { device } = item;
  const { action, value, duration, cause, actor } = rollout;
  const now = clock.now();
  const reading = (await stateOf(device))?.readings['l2tp-server'];
  const before = reading?.state === 'known' ? JSON.stringify(reading.fact) : null;
  await store.write(async (db) => {
    const want = action === 'close' ? 'closed' : 'open';
    const until = duration === null ? null : now + duration;
    await putWanted(db, { device, aspect: 'l2tp-server', want, value, since: now, until, cause, actor });
    await changeRolloutDevice(db, item, { state: 'ordered', ordered_at: now, before });
  });
  await orders.reconcile(device);
}

async function note({ store }: RolloutParts, rollout: RolloutRow, text: string): Promise<void> {
  if (rollout.note === text) return;
  await store.write((db) => changeRollout(db, rollout.id, { note: text }));
}

async function leaveOut(parts: RolloutParts, rollout: RolloutRow): Promise<void> {
  const change = {
    state: 'left-out',
    reason: 'It was away all the time.',
    finished_at: parts.clock.now(),
  } as const;
  await parts.store.write((db) => moveRolloutDevices(db, rollout.id, 'waiting', change));
}

async function finish(
  { store, clock, log }: RolloutParts,
  { id, action }: RolloutRow,
  state: 'stopped' | 'done',
  text: string,
): Promise<void> {
  const now = clock.now();
  await store.write(async (db) => {
    await changeRollout(db, id, { state, note: text, ...(state === 'done' ? { finished_at: now } : {}) });
    await audit(db, now, { actor: 'server', action: `l2tp-server ${action} ${state}`, subject: id });
  });
  if (state === 'stopped') log.error({ rollout: id }, `L2TP servers: ${action} was stopped. ${text}`);
  else log.info({ rollout: id }, `L2TP servers: ${action} is done`);
}
