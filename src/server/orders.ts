import { randomUUIDv7 } from 'node:crypto';
import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import { seal, TYP, type Signer } from '../wire/envelope.ts';
import { deviceUrn } from '../wire/ids.ts';
import type { Action, OrderClaims, Target } from '../wire/order.ts';
import type { Refusal } from '../wire/refusal.ts';
import type { Connections } from './connections.ts';
import type { DeviceState } from './device-state.ts';
import { createKeyedLock } from './keyed-lock.ts';
import type { MereRequest } from './order-requests.ts';
import { agreement, isProven, stepFor, type Situation } from './order-step.ts';
import { takeReceipt } from './receipts.ts';
import {
  changeOrder,
  highestOseq,
  insertOrder,
  lastOrder,
  putWanted,
  wantedDevices,
  wantedOf,
} from './store/orders.ts';
import { StoreUnavailable, type Store } from './store/store.ts';
import type { OrderRow, WantedRow } from './store/tables.ts';
import { effective, type Wanted } from './wanted.ts';

export type Orders = {
  /** The device has connected: whatever it has not confirmed is sent to it, also what was lost on the way. */
  connected(device: string): Promise<void>;
  /** Sends an order for every wanted state that is not on its way. Resolves when they are on record. */
  reconcile(device: string): Promise<void>;
  /** A report was stored: it may prove an order, or show that one has come undone. */
  observed(state: DeviceState): Promise<void>;
  /** Asks for something now; the order's id, or null while the device is not connected. */
  request(device: string, what: MereRequest, cause: string, actor: string): Promise<string | null>;
  /** Takes a receipt's token and answers with its id once it is on disk. */
  receipt(device: string, jws: string): Promise<Result<string, Refusal>>;
  /** Looks regularly after what time alone changes: orders without an answer, states that end by themselves. */
  clockwork: Actor;
};

export type OrderParts = {
  store: Store;
  clock: Clock;
  connections: Connections;
  signer: Signer;
  /** The server's own urn. */
  issuer: string;
  /** A device as it was last heard; null when there is none. */
  stateOf(device: string): Promise<DeviceState | null>;
  log: Logger;
};

/** A device that is away gets a fresh order when it comes; an old one must not lie in wait for it. */
const VALID_SECONDS = 300;
const LOOK_MS = 5_000;

type Command = {
  action: Action;
  target: Target;
  value: unknown;
  /** Milliseconds. */
  duration: number | null;
  aspect: string | null;
  want: string | null;
  cause: string;
  actor: string;
};

/** What every step needs of one device. */
type Work = { parts: OrderParts; device: string; state: DeviceState | null; connecting: boolean };

export function createOrders(parts: OrderParts): Orders {
  const { connections, store, log, clock } = parts;
  // One at a time, or two would take the same number, or both mint an order for the same wanted state.
  const { exclusively } = createKeyedLock();
  // Devices of which anything is wanted: the others' reports need not be looked at.
  const watched = new Set<string>();
  const work = (device: string, connecting: boolean, known?: DeviceState) =>
    exclusively(device, async () => {
      const state = known ?? (await parts.stateOf(device));
      if (await lookAfter({ parts, device, state, connecting })) watched.add(device);
    });
  const look = (device: string, connecting: boolean) => work(device, connecting);
  return {
    connected: (device) => look(device, true),
    reconcile: (device) => look(device, false),
    async observed(state) {
      const isBlocked = blockIn(state) === 'denied';
      if (watched.has(state.id) || isBlocked) await work(state.id, false, state);
    },
    request: (device, what, cause, actor) =>
      exclusively(device, async () => {
        if (connections.of(device) === undefined) return null;
        return issue(parts, device, { ...plainCommand, ...MERE[what], cause, actor });
      }),
    async receipt(device, jws) {
      try {
        const taken = await takeReceipt(parts, device, jws);
        // It may be proven already: the report can overtake the receipt.
        if (taken.ok)
          void look(device, false).catch((error: unknown) =>
            log.warn({ err: error }, 'orders not looked after'),
          );
        return taken;
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        log.warn({ err: error, device }, 'receipt not stored');
        return err('store_unavailable');
      }
    },
    clockwork: {
      name: 'orders',
      async run(signal) {
        while (!signal.aborted) {
          await clock.sleep(LOOK_MS, signal).catch(() => {});
          if (!signal.aborted) await lookAround(store, connections, look, log);
        }
      },
    },
  };
}

async function lookAround(
  store: Store,
  connections: Connections,
  look: (device: string, connecting: boolean) => Promise<void>,
  log: Logger,
): Promise<void> {
  try {
    for (const device of await store.read(wantedDevices)) {
      if (connections.of(device) !== undefined) await look(device, false);
    }
  } catch (error) {
    log.warn({ err: error }, 'orders not looked after');
  }
}

/** Answers whether anything is wanted of the device. */
async function lookAfter(work: Work): Promise<boolean> {
  const { clock } = work.parts;
  const rows = await wantedRows(work);
  for (const wanted of effective(rows, clock.now())) await bring(work, wanted);
  return rows.length > 0;
}

/**
 * A device that is blocked although nothing was ever wanted of it has its block from before: the database was lost,
 * or put back from a backup. Then what the decision allows is ordered like anything else.
 */
async function wantedRows({ parts, device, state }: Work): Promise<WantedRow[]> {
  const { store, clock } = parts;
  const rows = await store.read((db) => wantedOf(db, device));
  if (rows.length > 0 || blockIn(state) === null || state?.decision?.decision.access === 'deny') return rows;
  const cause = 'The device was blocked although nothing is wanted of it.';
  const allowed = { want: 'allowed', value: null, since: clock.now(), until: null, cause, actor: 'server' };
  await store.write((db) => putWanted(db, { device, aspect: 'decision', ...allowed }));
  return store.read((db) => wantedOf(db, device));
}

async function bring(work: Work, wanted: Wanted): Promise<void> {
  const { parts, device, state } = work;
  const last = await parts.store.read((db) => lastOrder(db, device, wanted.aspect));
  const at = await situation(work, wanted, last);
  if (last !== undefined && last.want === wanted.want && isProven(last, at)) {
    const proof = { state: 'proven' as const, proof: blockIn(state) };
    return parts.store.write((db) => changeOrder(db, last.id, proof));
  }
  const live = parts.connections.of(device);
  if (live === undefined) return;
  const step = stepFor(last, wanted, at);
  if (step === 'resend' && last !== undefined) live.send({ t: 'order', jws: last.jws });
  if (step === 'mint') {
    await replaced(parts, last);
    await issue(parts, device, commandFor(wanted, parts.clock.now()));
  }
}

async function situation(
  { parts, device, state, connecting }: Work,
  wanted: Wanted,
  last?: OrderRow,
): Promise<Situation> {
  const readings = state?.readings ?? {};
  const reading = readings[wanted.aspect === 'l2tp-server' ? 'l2tp-server' : 'vpn-client'];
  // A delta leaves out what is as before: it was seen again all the same.
  const seenAt = reading === undefined ? null : Math.max(Date.parse(reading.at), state?.factsAt ?? 0);
  return {
    now: parts.clock.now(),
    connectedAt: connecting ? (parts.connections.of(device)?.since ?? null) : null,
    highest: await parts.store.read((db) => highestOseq(db, device, wanted.target)),
    agreement: agreement(wanted, readings, last?.proof ?? null),
    seenAt,
  };
}

function blockIn(state: DeviceState | null): string | null {
  const reading = state?.readings['vpn-client'];
  if (reading?.state !== 'known') return null;
  return reading.fact.profiles.some((profile) => profile.state === 'denied') ? 'denied' : null;
}

/** An order that another takes the place of is not waited for any more; its receipt counts if it comes. */
async function replaced({ store }: OrderParts, last: OrderRow | undefined): Promise<void> {
  if (last?.state !== 'sent' && last?.state !== 'received') return;
  const reason = 'no answer; replaced by a newer order';
  await store.write((db) => changeOrder(db, last.id, { state: 'failed', reason }));
}

const MERE = {
  scan: { action: 'scan', target: 'features', value: [] },
  'update-certificate': { action: 'update', target: 'x-posture:cert', value: {} },
  'delete-certificate': { action: 'delete', target: 'x-posture:cert', value: {} },
} as const satisfies Record<MereRequest, Pick<Command, 'action' | 'target' | 'value'>>;

const plainCommand = {
  duration: null,
  aspect: null,
  want: null,
} as const;

function commandFor(wanted: Wanted, now: number): Command {
  const { until, action, target, value, aspect, want, cause, actor } = wanted;
  const duration = until === null ? null : Math.max(1, until - now);
  return { action, target, value, duration, aspect, want, cause, actor };
}

/** On record first, then on the wire: what a device obeys can always be looked up. */
async function issue(parts: OrderParts, device: string, command: Command): Promise<string> {
  const { store, clock, connections, signer, issuer } = parts;
  const now = clock.now();
  const highest = await store.read((db) => highestOseq(db, device, command.target));
  const claims = claimsFor(device, command, { issuer, now, oseq: Math.max(highest + 1, now) });
  const jws = await seal(TYP.order, claims, signer);
  await store.write((db) => insertOrder(db, { ...rowFor(device, command, claims), issued_at: now, jws }));
  connections.of(device)?.send({ t: 'order', jws });
  return claims.jti;
}

/** `oseq` rises with the server's milliseconds, so that a restored backup still orders. */
function claimsFor(
  device: string,
  { action, target, value, duration, cause }: Command,
  { issuer, now, oseq }: { issuer: string; now: number; oseq: number },
): OrderClaims {
  const id = randomUUIDv7();
  const iat = Math.floor(now / 1_000);
  const args = { response_requested: 'complete' as const, ...(duration === null ? {} : { duration }) };
  return {
    iss: issuer,
    aud: deviceUrn(device),
    jti: id,
    iat,
    nbf: iat,
    exp: iat + VALID_SECONDS,
    oseq,
    cause: { reason: cause.slice(0, 500) },
    oc2: { action, target: { [target]: value }, args, command_id: id },
  };
}

function rowFor(device: string, command: Command, claims: OrderClaims): Omit<OrderRow, 'issued_at' | 'jws'> {
  const { action, target, want, aspect, cause, actor } = command;
  return {
    id: claims.jti,
    device,
    target,
    action,
    want,
    aspect,
    cause,
    actor,
    oseq: claims.oseq,
    expires_at: claims.exp * 1_000,
    state: 'sent',
    status: null,
    reason: null,
    done_at: null,
    held_by: null,
    proof: null,
  };
}
