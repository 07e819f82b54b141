import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { readPrivate } from '../base/private-file.ts';
import { parseSettings, showProblems } from '../base/settings.ts';
import type { Result } from '../base/result.ts';
import { vpnProfile } from '../wire/vpn.ts';
import type { Refused } from '../server/administer.ts';
import { ORDER_STATES, orderView, viewOf, type OrderView } from '../server/order-view.ts';
import {
  isMere,
  orderRequest,
  recipientOf,
  sealRequest,
  wantRequested,
  type OrderRequest,
} from '../server/order-requests.ts';
import { ordered } from '../server/order-routes.ts';
import { latestOrders } from '../server/store/orders.ts';
import { DAY_MS, durationMs } from './duration.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { complain, paint, say, sayJson, table, type Colour } from './present.ts';
import { askServer } from './server-api.ts';
import { serverConfig, withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

export type OrderOptions = ServerOptions & {
  reason?: string;
  profile?: string[];
  for?: string;
  up?: boolean;
  wait?: boolean;
};

const MAX_FOR_MS = 30 * DAY_MS;
const MAX_PROFILE_BYTES = 256 * 1024;
const WAIT_MS = 60_000;
const POLL_MS = 100;

/** `order scan|deny|allow|set|contain|cancel`: what the device is to be, and, with `--wait`, what came of it. */
export async function orderCommand(
  action: OrderRequest['action'],
  [device = '', more = '']: readonly string[],
  options: OrderOptions,
): Promise<number> {
  if (!z.uuid().safeParse(device).success)
    throw new UsageError(`"${device}" is no device’s id; see: drawbridge-server devices`);
  const request = await requestOf(action, more, options);
  const answer = await give(device, request, options);
  if (options.wait === true && answer.id !== null) return outcome(device, answer.id, options);
  if (options.json) sayJson({ device, ...answer });
  else say(`${answer.hint} See what comes of it: drawbridge-server orders --device ${device}`);
  return 0;
}

async function requestOf(
  action: OrderRequest['action'],
  more: string,
  options: OrderOptions,
): Promise<OrderRequest> {
  const cause = options.reason === undefined ? {} : { cause: options.reason };
  const durationSeconds =
    options.for === undefined ? undefined : durationMs(options.for, '--for', MAX_FOR_MS) / 1_000;
  const all = {
    scan: {},
    'update-certificate': {},
    'delete-certificate': {},
    deny: { profiles: options.profile, durationSeconds },
    allow: {},
    set: action === 'set' ? { profile: await readProfile(more), up: options.up === true } : {},
    contain: { durationSeconds },
    cancel: { order: more },
  };
  const parsed = orderRequest.safeParse({ action, ...cause, ...all[action] });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${issue?.path.join('.') || 'The order'}: ${issue?.message ?? 'is not understood'}`);
}

/** Secrets stand in it: it has to be its owner's alone. */
async function readProfile(file: string): Promise<z.infer<ReturnType<typeof vpnProfile>>> {
  const text = await readPrivate(file, MAX_PROFILE_BYTES);
  if (!text.ok) throw new UsageError(`${file} ${text.error.detail}. It holds secrets: chmod 600 ${file}`);
  const parsed = parseSettings(text.value, vpnProfile());
  if (!parsed.ok) throw new UsageError(showProblems(file, parsed.error));
  return parsed.value;
}

type Ordered = z.infer<typeof ordered>;

/** By the running server, or else straight on record: the device is ordered when server and device meet again. */
async function give(device: string, request: OrderRequest, options: OrderOptions): Promise<Ordered> {
  const path = `/v1/devices/${device}/orders`;
  const asked = await askServer(await serverConfig(options), 'POST', path, request);
  if (asked !== null) return ordered.parse(asked);
  if (isMere(request))
    throw new UsageError(
      'The server does not run, so nobody can be asked. Start it: drawbridge-server start',
    );
  await withStore(options, async (store) => {
    const recipient = granted(await store.read((db) => recipientOf(db, device)));
    const sealed = await sealRequest(request, recipient);
    const by = { actor: 'cli', now: Date.now() };
    granted(await store.write((db) => wantRequested(db, device, sealed, by)));
  });
  return {
    id: null,
    hint: 'On record; the server does not run. The device is ordered when both meet again.',
  };
}

function granted<T>(result: Result<T, Refused>): T {
  if (result.ok) return result.value;
  throw new UsageError(result.error.hint);
}

async function outcome(device: string, id: string, options: OrderOptions): Promise<number> {
  const until = performance.now() + WAIT_MS;
  let order: OrderView | undefined;
  while (performance.now() < until) {
    order = (await listed(options, { device, limit: 20 })).find((one) => one.id === id);
    if (order !== undefined && isSettled(order)) break;
    await sleep(POLL_MS);
  }
  if (options.json) sayJson(order ?? { device, id, state: 'unknown' });
  else if (order !== undefined) say(`${order.action} ${order.target}: ${stateOf(order)}`);
  if (order !== undefined && isSettled(order)) return order.state === 'failed' ? EXIT_FAILED : 0;
  complain('No end was seen within a minute; the order stays in force.');
  return EXIT_FAILED;
}

/** A scan is done when its report is here; an allow that others hold down is done, and nothing proves it. */
function isSettled({ state, action, reason }: OrderView): boolean {
  if (state === 'proven' || state === 'failed') return true;
  return state === 'done' && (action === 'scan' || reason !== 'done');
}

export type OrdersOptions = ServerOptions & { device?: string; state?: string; limit: number };

/** Orders, newest first. */
export async function ordersCommand(options: OrdersOptions): Promise<number> {
  const query = listQuery.safeParse(options);
  if (!query.success)
    throw new UsageError(
      `--device is a device’s id, --state one of ${ORDER_STATES.join(', ')}, --limit 1 to 1000.`,
    );
  const orders = await listed(options, query.data);
  if (options.json) sayJson(orders);
  else if (orders.length === 0) say('No orders.');
  else say(await table(['Ordered', 'Device', 'Order', 'State', 'Why', 'By'], orders.map(rowOf)));
  return 0;
}

const listQuery = z.object({
  device: z.uuid().optional(),
  state: z.enum(ORDER_STATES).optional(),
  limit: z.number().int().min(1).max(1_000),
});

type ListQuery = z.infer<typeof listQuery>;

async function listed(options: ServerOptions, query: ListQuery): Promise<OrderView[]> {
  const rows = await withStore(options, (store) => store.read((db) => latestOrders(db, query)));
  return orderView.array().parse(rows.map(viewOf));
}

const COLOURS: Record<OrderView['state'], Colour> = {
  sent: 'yellow',
  received: 'yellow',
  done: 'yellow',
  proven: 'green',
  failed: 'red',
};

function rowOf(order: OrderView): string[] {
  const { issuedAt, device, action, target, cause, actor } = order;
  return [issuedAt, device, `${action} ${target}`, stateOf(order), cause, actor];
}

function stateOf({ state, reason }: OrderView): string {
  const shown = paint(COLOURS[state], state);
  return reason === null || reason === 'done' || reason === 'processing' ? shown : `${shown}: ${reason}`;
}
