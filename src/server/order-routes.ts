import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import type { Refused } from './administer.ts';
import type { Connections } from './connections.ts';
import { HttpProblem, problem, type App } from './http.ts';
import { ORDER_STATES, orderView, viewOf } from './order-view.ts';
import {
  orderRequest,
  recipientOf,
  isMere,
  sealRequest,
  wantRequested,
  type StateRequest,
} from './order-requests.ts';
import type { Orders } from './orders.ts';
import { lastOrder, latestOrders } from './store/orders.ts';
import type { Store } from './store/store.ts';

export type OrderRouteParts = {
  store: Store;
  clock: Clock;
  connections: Connections;
  orders: Orders;
  /** Throws the problem that a refusal is. */
  granted<T>(result: Result<T, Refused>): T;
};

const idParams = z.object({ id: z.uuid() });

export const ordered = z.object({
  /** Null: it is on record, and is ordered as soon as the device connects. */
  id: z.string().nullable(),
  hint: z.string(),
});

const listQuery = z.object({
  device: z.uuid().optional(),
  state: z.enum(ORDER_STATES).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

const NOT_CONNECTED = 'The device is not connected now; try again when it is.';

export function addOrderRoutes(app: App, parts: OrderRouteParts): void {
  const response = { 200: ordered, 404: problem, 409: problem };
  const schema = { params: idParams, body: orderRequest, response };
  app.post('/v1/devices/:id/orders', { schema }, async ({ params, body }) => {
    if (!isMere(body)) return want(parts, params.id, body);
    const id = await parts.orders.request(params.id, body.action, body.cause, 'admin');
    if (id === null) throw new HttpProblem(409, 'not_connected', NOT_CONNECTED);
    return { id, hint: 'Asked.' };
  });
  const list = { querystring: listQuery, response: { 200: z.array(orderView) } };
  app.get('/v1/orders', { schema: list }, async ({ query }) => {
    const rows = await parts.store.read((db) => latestOrders(db, query));
    return rows.map(viewOf);
  });
}

async function want(parts: OrderRouteParts, device: string, request: StateRequest) {
  const { store, clock, orders, connections, granted } = parts;
  const recipient = granted(await store.read((db) => recipientOf(db, device)));
  const sealed = await sealRequest(request, recipient);
  const now = clock.now();
  const by = { actor: 'admin', now };
  const aspect = granted(await store.write((db) => wantRequested(db, device, sealed, by)));
  await orders.reconcile(device);
  const last = await store.read((db) => lastOrder(db, device, aspect));
  if (connections.of(device) === undefined)
    return { id: null, hint: 'The device is not connected; it is ordered as soon as it is.' };
  // An allow while the decision denies, or a deny that was in force already, changes nothing.
  if (last === undefined || last.issued_at < now) return { id: null, hint: unchanged(request) };
  return { id: last.id, hint: 'Sent.' };
}

function unchanged({ action }: StateRequest): string {
  if (action === 'allow')
    return 'Noted; the VPN stays denied by the decision about this device, or was not denied. See: device ID.';
  return 'Noted; the device is in this state already, or an order to that end is on its way.';
}
