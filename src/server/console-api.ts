import { z } from 'zod';
import { iso, type Clock } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import { hashSecret } from '../wire/token.ts';
import {
  approve,
  clearAlarm,
  closeSignals,
  createToken,
  hashSerials,
  offboard,
  revoke,
  type Refused,
} from './administer.ts';
import { requireAdmin } from './bearer.ts';
import type { Connections } from './connections.ts';
import {
  deviceDocument,
  deviceSummary,
  documentOf,
  summaryOf,
  type DeviceDocument,
} from './device-document.ts';
import { loadState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import { HttpProblem, problem, type App } from './http.ts';
import type { Judging } from './judge-device.ts';
import { addRolloutRoutes } from './l2tp/rollout-routes.ts';
import { addOrderRoutes } from './order-routes.ts';
import type { Orders } from './orders.ts';
import { addPolicyRoutes } from './policy-routes.ts';
import { findDevice, listDevices } from './store/devices.ts';
import { ordersOf } from './store/orders.ts';
import { timelineEvent, timelineOf } from './timeline.ts';
import { waitingDevice, waitingDevices } from './waiting.ts';
import type { Db, Store } from './store/store.ts';

export type ConsoleParts = {
  store: Store;
  fleet: Fleet;
  connections: Connections;
  orders: Orders;
  clock: Clock;
  terms: () => Judging;
  adminToken: string;
  /** Thumbprint of the order root, which stands in every token. */
  orderRoot: string;
  /** Brings memory level with the store after a device was changed. */
  changed: (device: string) => Promise<void>;
};

const SHOWN_ORDERS = 20;
const HOUR_MS = 3_600_000;
const MAX_TOKEN_HOURS = 24 * 30;

const idParams = z.object({ id: z.uuid() });
const nothing = z.object({});
export const tokenRequest = z.object({
  uses: z.number().int().min(1).max(100_000).default(1),
  validHours: z.number().positive().max(MAX_TOKEN_HOURS).default(24),
  approval: z.boolean().default(false),
  /** Serial numbers of the computers that may use it; only their hashes are kept. */
  serials: z.array(z.string().max(100)).min(1).max(10_000).optional(),
  note: z.string().max(200).default(''),
});

/** The administrator's API: bearer of the admin token, JSON. */
export async function addConsoleRoutes(app: App, parts: ConsoleParts): Promise<void> {
  const adminHash = hashSecret(parts.adminToken);
  await app.register(async (plain) => {
    const scope = plain.withTypeProvider() as unknown as App;
    scope.addHook('onRequest', async (request) => requireAdmin(request.raw, adminHash));
    addReading(scope, parts);
    addTimeline(scope, parts);
    addActing(scope, parts);
    addOffboarding(scope, parts);
    addOrderRoutes(scope, { ...parts, granted });
    addRolloutRoutes(scope, { ...parts, granted, policy: () => parts.terms().policy });
    addTokenRoute(scope, parts);
    addPolicyRoutes(scope, parts);
  });
}

function addReading(app: App, parts: ConsoleParts): void {
  const { store, fleet, connections } = parts;
  app.get('/v1/devices', { schema: { response: { 200: z.array(deviceSummary) } } }, async () => {
    const devices = await store.read(listDevices);
    return Promise.all(
      devices.map(async (device) =>
        summaryOf(device, await fleet.get(device.id), connections.of(device.id) !== undefined),
      ),
    );
  });
  app.get('/v1/devices/waiting', { schema: { response: { 200: z.array(waitingDevice) } } }, () =>
    store.read(waitingDevices),
  );
  app.get(
    '/v1/devices/:id',
    { schema: { params: idParams, response: { 200: deviceDocument, 404: problem } } },
    async (request) => document(parts, request.params.id),
  );
}

const SHOWN_EVENTS = 200;

function addTimeline(app: App, { store }: ConsoleParts): void {
  const schema = { params: idParams, response: { 200: z.array(timelineEvent), 404: problem } };
  app.get('/v1/devices/:id/timeline', { schema }, async ({ params: { id } }) => {
    const known = await store.read((db) => findDevice(db, id));
    if (known === undefined) throw new HttpProblem(404, 'not_found', `There is no device ${id}.`);
    return store.read((db) => timelineOf(db, id, SHOWN_EVENTS));
  });
}

async function document(parts: ConsoleParts, id: string): Promise<DeviceDocument> {
  const { store, fleet, connections, clock, terms } = parts;
  const state = (await fleet.get(id)) ?? (await store.read((db) => loadState(db, id)));
  if (state === null) throw new HttpProblem(404, 'not_found', `There is no device ${id}.`);
  const orders = await store.read((db) => ordersOf(db, id, SHOWN_ORDERS));
  const connected = connections.of(id) !== undefined;
  return documentOf({ state, orders, connected, terms: terms(), now: clock.now() });
}

const by = ({ clock }: ConsoleParts) => ({ actor: 'admin', now: clock.now() });

function addActing(app: App, parts: ConsoleParts): void {
  const act = async (unit: (db: Db) => Promise<Result<readonly string[], Refused>>) => {
    for (const device of granted(await parts.store.write(unit))) await parts.changed(device);
    return {};
  };
  const schema = { params: idParams, response: { 200: nothing, 404: problem, 409: problem } };
  for (const [name, change] of Object.entries({
    approve,
    revoke,
    'clear-alarm': clearAlarm,
    'close-signals': closeSignals,
  })) {
    app.post(`/v1/devices/:id/${name}`, { schema }, ({ params: { id } }) =>
      act((db) => change(db, id, by(parts))),
    );
  }
}

/** `POST /v1/devices/:id/offboard`: answers with what has ended. */
function addOffboarding(app: App, parts: ConsoleParts): void {
  const body = z.strictObject({
    reason: z.string().min(1).max(200).default('off-boarded by an administrator'),
  });
  const response = { 200: z.object({ ended: z.record(z.string(), z.number()) }), 404: problem };
  const schema = { params: idParams, body, response };
  app.post('/v1/devices/:id/offboard', { schema }, async ({ params: { id }, body: { reason } }) => {
    const ended = granted(await parts.store.write((db) => offboard(db, id, by(parts), reason)));
    await parts.changed(id);
    return { ended };
  });
}

function addTokenRoute(app: App, parts: ConsoleParts): void {
  const made = z.object({ id: z.string(), token: z.string(), expiresAt: z.iso.datetime() });
  const schema = { body: tokenRequest, response: { 200: made } };
  app.post('/v1/tokens', { schema }, async ({ body: { validHours, serials, ...rest } }) => {
    const hardware = serials === undefined ? null : granted(hashSerials(serials));
    const wanted = { ...rest, hardware, validMs: validHours * HOUR_MS };
    const token = await parts.store.write((db) => createToken(db, wanted, parts.orderRoot, by(parts)));
    return { ...token, expiresAt: iso(token.expiresAt) };
  });
}

const STATUS_FOR = { not_found: 404, wrong_state: 409, exists: 409, invalid: 400 } as const;

function granted<T>(result: Result<T, Refused>): T {
  if (result.ok) return result.value;
  throw new HttpProblem(STATUS_FOR[result.error.code], result.error.code, result.error.hint);
}
