import { z } from 'zod';
import { err, ok, type Result } from '../base/result.ts';
import { publicJwk, type PublicJwk } from '../wire/envelope.ts';
import { sealProfile } from '../wire/sealed-profile.ts';
import { vpnProfile } from '../wire/vpn.ts';
import type { Refused } from './administer.ts';
import { audit } from './store/audit.ts';
import { encryptionKey, findDevice } from './store/devices.ts';
import { findOrder, putWanted } from './store/orders.ts';
import type { Db } from './store/store.ts';
import type { WantedRow } from './store/tables.ts';

const cause = z.string().max(500).default('ordered by an administrator');
const MAX_SECONDS = 30 * 86_400;
const seconds = z.number().int().min(10).max(MAX_SECONDS);

/** What an administrator can order: a wanted state that lasts, or a mere request. */
export const orderRequest = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('scan'), cause }),
  /** A new certificate now; none until the next update. */
  z.strictObject({ action: z.literal('update-certificate'), cause }),
  z.strictObject({ action: z.literal('delete-certificate'), cause }),
  z.strictObject({
    action: z.literal('deny'),
    /** By the names that the device's vpn-client reading gives; without them all. */
    profiles: z.array(z.string().min(1).max(253)).min(1).max(100).optional(),
    durationSeconds: seconds.optional(),
    cause,
  }),
  z.strictObject({ action: z.literal('allow'), cause }),
  z.strictObject({ action: z.literal('set'), profile: vpnProfile(), up: z.boolean().default(false), cause }),
  z.strictObject({ action: z.literal('contain'), durationSeconds: seconds, cause }),
  z.strictObject({ action: z.literal('cancel'), order: z.uuid(), cause }),
]);

export type OrderRequest = z.infer<typeof orderRequest>;
/** Mere requests: nothing is wanted of the device beyond them. */
export type MereRequest = 'scan' | 'update-certificate' | 'delete-certificate';
export function isMere(request: OrderRequest): request is Extract<OrderRequest, { action: MereRequest }> {
  return ['scan', 'update-certificate', 'delete-certificate'].includes(request.action);
}

export type StateRequest = Exclude<OrderRequest, { action: MereRequest }>;

type By = { actor: string; now: number };
type Row = Pick<WantedRow, 'aspect' | 'want' | 'value' | 'until'>;

/** The device's key for secrets; they are sealed before the store sees them. */
export async function sealRequest(
  request: StateRequest,
  recipient: PublicJwk,
): Promise<StateRequest | { action: 'sealed-set'; value: object; cause: string }> {
  if (request.action !== 'set') return request;
  const { profile, up, cause } = request;
  return { action: 'sealed-set', value: { profile: await sealProfile(profile, recipient), up }, cause };
}

export async function recipientOf(db: Db, device: string): Promise<Result<PublicJwk, Refused>> {
  const known = await findDevice(db, device);
  if (known === undefined) return notFound(`There is no device ${device}; see: drawbridge-server devices.`);
  if (known.status !== 'live')
    return err({ code: 'wrong_state', hint: `This device is ${known.status}; it obeys no orders.` });
  return ok(publicJwk.parse(JSON.parse(await encryptionKey(db, device))));
}

/** A unit of the store: notes the wanted state and who wanted it. */
export async function wantRequested(
  db: Db,
  device: string,
  request: Awaited<ReturnType<typeof sealRequest>>,
  { actor, now }: By,
): Promise<Result<Row['aspect'], Refused>> {
  const row = await rowFor(db, device, request, now);
  if (!row.ok) return row;
  await putWanted(db, { device, ...row.value, since: now, cause: request.cause, actor });
  const action = request.action === 'sealed-set' ? 'set' : request.action;
  await audit(db, now, { actor, action: `order ${action}`, subject: device, detail: detailOf(request) });
  return ok(row.value.aspect);
}

async function rowFor(
  db: Db,
  device: string,
  request: Awaited<ReturnType<typeof sealRequest>>,
  now: number,
): Promise<Result<Row, Refused>> {
  switch (request.action) {
    case 'deny': {
      const { profiles, durationSeconds } = request;
      const value = profiles === undefined ? null : JSON.stringify({ profiles });
      return ok({ aspect: 'access', want: 'denied', value, until: untilOf(durationSeconds, now) });
    }
    case 'allow':
      return ok({ aspect: 'access', want: 'allowed', value: null, until: null });
    case 'sealed-set':
      return ok({ aspect: 'profile', want: 'set', value: JSON.stringify(request.value), until: null });
    case 'contain':
      return ok({
        aspect: 'isolation',
        want: 'contained',
        value: null,
        until: untilOf(request.durationSeconds, now),
      });
    case 'cancel':
      return cancelling(db, device, request.order);
    case 'set':
      throw new Error('secrets have to be sealed first');
  }
}

/** Takes back what an order wants: one about the VPN's access is lifted, an isolation is ended. */
async function cancelling(db: Db, device: string, id: string): Promise<Result<Row, Refused>> {
  const order = await findOrder(db, device, id);
  if (order === undefined)
    return notFound(`There is no order ${id} for this device; see: drawbridge-server orders.`);
  if (order.action === 'contain') {
    const value = JSON.stringify({ command_id: id });
    return ok({ aspect: 'isolation', want: 'none', value, until: null });
  }
  if (order.action === 'deny') return ok({ aspect: 'access', want: 'allowed', value: null, until: null });
  if (order.action === 'set') return ok({ aspect: 'profile', want: 'none', value: null, until: null });
  return err({
    code: 'wrong_state',
    hint: `An order "${order.action}" leaves nothing that could be cancelled.`,
  });
}

function untilOf(durationSeconds: number | undefined, now: number): number | null {
  return durationSeconds === undefined ? null : now + durationSeconds * 1_000;
}

/** Nothing of a profile but its name and gateway. */
function detailOf(request: Awaited<ReturnType<typeof sealRequest>>): object {
  if (request.action !== 'sealed-set') {
    const { action: _, ...detail } = request;
    return detail;
  }
  const { profile, up } = request.value as { profile: { name: string; gateway: string }; up: boolean };
  return { profile: profile.name, gateway: profile.gateway, up, cause: request.cause };
}

function notFound(hint: string): Result<never, Refused> {
  return err({ code: 'not_found', hint });
}
