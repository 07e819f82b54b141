import type { Fact, Readings } from '../../collectors/specs.ts';
import { STATUS } from '../wire/order.ts';
import { setVpn } from '../wire/vpn.ts';
import type { OrderRow } from './store/tables.ts';
import type { Wanted } from './wanted.ts';

/** What the device's last word shows of what is wanted. */
export type Agreement = 'yes' | 'no' | 'unknown';

type Profile = Fact<'vpn-client'>['profiles'][number];

/** A receipt that is not here yet may be on its way; an order is not repeated for what it has just done. */
const REPEAT_MS = 30_000;
const RETRY_MS = 60_000;
/** An order that is nearly over is not sent again: a fresh one is. */
const LEAST_VALID_MS = 30_000;

type Shown = Partial<Pick<Readings, 'vpn-client' | 'l2tp-server'>>;

/** Whether it is as it is wanted, by the device's own readings. */
export function agreement(wanted: Wanted, readings: Shown, proof: string | null): Agreement {
  // No reading speaks of isolation: that a report came through afterwards has to do.
  if (wanted.aspect === 'isolation') return 'yes';
  if (wanted.aspect === 'l2tp-server') return isServerAsWanted(wanted, readings['l2tp-server']);
  const reading = readings['vpn-client'];
  if (reading?.state !== 'known') return 'unknown';
  const { profiles } = reading.fact;
  if (wanted.aspect === 'profile') return isSet(wanted, profiles) ? 'yes' : 'unknown';
  return wanted.action === 'deny' ? isDenied(wanted, profiles, proof) : isAllowed(profiles);
}

/** Closed by a rule the service goes on listening: only the device's own word tells. */
function isServerAsWanted({ action }: Wanted, reading: Shown['l2tp-server']): Agreement {
  if (reading?.state !== 'known') return 'unknown';
  const { closed, listening, verdict } = reading.fact;
  if (action === 'allow') return closed === undefined ? 'unknown' : closed === null ? 'yes' : 'no';
  if (closed) return 'yes';
  return listening.length === 0 && verdict !== 'server' ? 'yes' : 'no';
}

function isDenied({ value }: Wanted, profiles: readonly Profile[], proof: string | null): Agreement {
  const named = (value as { profiles?: string[] }).profiles;
  const meant =
    named === undefined
      ? profiles
      : profiles.filter(({ id, name }) => named.includes(id) || named.includes(name));
  const states = meant.map(({ state }) => state);
  if (states.some((state) => state === 'up' || state === 'connecting')) return 'no';
  // Where the block was seen once, its absence means something.
  if (proof === 'denied' && states.includes('down')) return 'no';
  return states.includes(null) ? 'unknown' : 'yes';
}

function isAllowed(profiles: readonly Profile[]): Agreement {
  const states = profiles.map(({ state }) => state);
  if (states.includes('denied')) return 'no';
  return states.includes(null) ? 'unknown' : 'yes';
}

function isSet({ value }: Wanted, profiles: readonly Profile[]): boolean {
  const { profile, up } = setVpn().parse(value);
  const gateway = profile.gateway.toLowerCase();
  return profiles.some(
    (one) =>
      one.name === profile.name && one.gateway?.toLowerCase() === gateway && (!up || one.state === 'up'),
  );
}

export type Situation = {
  now: number;
  /** When the device connected, where that has just happened (milliseconds); else null. */
  connectedAt: number | null;
  /** The highest number used for the order's target: a lower one would be refused as superseded. */
  highest: number;
  agreement: Agreement;
  /** When the VPN was last seen, by the device's clock (milliseconds). */
  seenAt: number | null;
};

/** What to do about a wanted state: nothing, a fresh order, or the last one once more. Pure. */
export function stepFor(
  last: OrderRow | undefined,
  wanted: Wanted,
  at: Situation,
): 'none' | 'mint' | 'resend' {
  if (last === undefined || last.want !== wanted.want) return 'mint';
  switch (last.state) {
    case 'sent':
    case 'received':
      return underWay(last, at);
    case 'failed':
      // Somebody wants it once more.
      return last.issued_at < wanted.since ? 'mint' : failedStep(last, at);
    case 'done':
    case 'proven':
      return isUndone(last, at) ? 'mint' : 'none';
  }
}

/** The connection may have taken the order along: the same one is sent again, and known by its id. */
function underWay(last: OrderRow, { now, connectedAt, highest }: Situation): 'none' | 'mint' | 'resend' {
  if (now >= last.expires_at) return 'mint';
  if (connectedAt === null || last.issued_at >= connectedAt) return 'none';
  return last.oseq === highest && now < last.expires_at - LEAST_VALID_MS ? 'resend' : 'mint';
}

function failedStep(last: OrderRow, { now, connectedAt }: Situation): 'none' | 'mint' {
  if (isBeyondDevice(last)) return 'none';
  if (connectedAt !== null) return 'mint';
  // What is not there will not be there in a minute.
  return last.status !== STATUS.notFound && now - last.issued_at >= RETRY_MS ? 'mint' : 'none';
}

/** What this device will never do, however often it is asked. */
function isBeyondDevice({ status, reason, action }: OrderRow): boolean {
  if (status === STATUS.notImplemented || status === STATUS.malformed) return true;
  if (status === STATUS.notFound) return action === 'cancel';
  return status === STATUS.refused && reason?.startsWith('not-allowed: ') === true;
}

/** Seen otherwise after it was done, and nobody else is known to hold it. */
function isUndone(last: OrderRow, at: Situation): boolean {
  if (at.agreement !== 'no' || last.held_by !== null || at.now - last.issued_at < REPEAT_MS) return false;
  return isLater(at.seenAt, last.done_at);
}

/** Whether an order that is done is proven by what was seen after it. */
export function isProven(last: OrderRow, { agreement: agrees, seenAt }: Situation): boolean {
  return last.state === 'done' && agrees === 'yes' && last.held_by === null && isLater(seenAt, last.done_at);
}

function isLater(seenAt: number | null, doneAt: number | null): boolean {
  return seenAt !== null && doneAt !== null && seenAt >= doneAt;
}
