import { sql } from 'kysely';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { hardwareIdOf } from '../wire/hardware.ts';
import type { Fleet } from './fleet.ts';
import { HttpProblem, problem, type App } from './http.ts';
import type { Metrics } from './metrics.ts';
import { revokeEverything } from './revoke-everything.ts';
import { audit } from './store/audit.ts';
import { takeWebhook } from './store/signals.ts';
import type { Db, Store } from './store/store.ts';
import { openWebhook, takeBytes, type WebhookSources } from './signals/webhook-door.ts';
import { selector } from './signals/signal.ts';
import { whoseSignal } from './signals/whose.ts';

export type OffboardingParts = {
  store: Store;
  clock: Clock;
  fleet: Fleet;
  metrics: Metrics;
  sources: WebhookSources;
  changed(device: string): Promise<void>;
};

const PER_MINUTE = 600;

const serial = z.strictObject({ serial: z.string().min(1).max(100) });
const data = z.object({
  device: z.union([selector, serial]),
  reason: z.string().min(1).max(200).default('off-boarded'),
});
type Data = z.output<typeof data>;

/** `{type, timestamp, data}` as Standard Webhooks recommends, or the data alone. */
const body = z.union([z.object({ type: z.string().max(200), data }).transform((whole) => whole.data), data]);

const outcome = z.object({
  outcome: z.enum(['offboarded', 'again', 'no_device', 'ambiguous_device']),
  devices: z.array(z.string()),
});

/** `POST /v1/offboarding/:source`: a device management says that a computer is no longer the company's. */
export async function addOffboardingRoutes(app: App, parts: OffboardingParts): Promise<void> {
  await app.register(async (plain) => {
    const scope = takeBytes(plain as unknown as App);
    const config = { rateLimit: { max: PER_MINUTE, timeWindow: '1 minute' } };
    const response = { 200: outcome, 400: problem, 401: problem, 404: problem };
    const schema = { params: z.object({ source: z.string().max(60) }), response };
    scope.post('/v1/offboarding/:source', { config, schema }, async (request) => {
      const door = { ...parts, setting: 'offboarding' };
      const { source, id, body: given } = openWebhook(door, request.params.source, request);
      const parsed = body.safeParse(given);
      if (!parsed.success)
        throw new HttpProblem(400, 'malformed', z.prettifyError(parsed.error).slice(0, 500));
      return end(parts, { source, webhook: id }, parsed.data);
    });
  });
}

type Told = { source: string; webhook: string };

async function end(
  { store, clock, fleet, changed }: OffboardingParts,
  told: Told,
  { device, reason }: Data,
): Promise<z.output<typeof outcome>> {
  const now = clock.now();
  const by = { actor: `offboarding:${told.source}`, now };
  const done = await store.write(async (db) => {
    if (!(await takeWebhook(db, by.actor, told.webhook, now))) return 'again';
    const found = await meant(db, fleet, device);
    if (typeof found === 'string') {
      // Not what was asked for: it may be a serial number.
      const detail = { reason, webhook: told.webhook };
      await audit(db, now, { actor: by.actor, action: `offboard ${found}`, subject: 'nobody', detail });
    } else for (const id of found) await revokeEverything(db, id, by, reason);
    return found;
  });
  if (typeof done === 'string') return { outcome: done, devices: [] };
  for (const id of done) await changed(id);
  return { outcome: 'offboarded', devices: done };
}

/** Devices that are not revoked yet: a serial number means all of its computer, a name that several have means none. */
async function meant(
  db: Db,
  fleet: Fleet,
  device: Data['device'],
): Promise<string[] | 'no_device' | 'ambiguous_device'> {
  if ('sensor' in device) {
    const state = whoseSignal(fleet.all(), device);
    return typeof state === 'string' ? state : [state.id];
  }
  const ids = await unrevoked(db, device);
  if (ids.length === 0) return 'no_device';
  return 'name' in device && ids.length > 1 ? 'ambiguous_device' : ids;
}

type Stored = Exclude<Data['device'], { sensor: string }>;

async function unrevoked(db: Db, device: Stored): Promise<string[]> {
  const all = db.selectFrom('devices').select('devices.id').where('status', '!=', 'revoked');
  if ('id' in device) return idsOf(await all.where('id', '=', device.id.toLowerCase()).execute());
  if ('name' in device)
    return idsOf(await all.where(sql`lower(name)`, '=', device.name.toLowerCase()).execute());
  const hardware = hardwareIdOf('serial', device.serial);
  if (hardware === null) return [];
  return idsOf(
    await all
      .innerJoin('hardware', 'hardware.device', 'devices.id')
      .where('hardware.hardware', '=', hardware)
      .execute(),
  );
}

function idsOf(rows: readonly { id: string }[]): string[] {
  return rows.map(({ id }) => id);
}
