import { z } from 'zod';
import { iso } from '../base/clock.ts';
import { SEVERITIES } from './signals/signal.ts';
import { decisionHistory } from './store/decisions.ts';
import { l2tpEvents } from './store/l2tp-servers.ts';
import { nasRequestsOf } from './store/nas-requests.ts';
import { ordersOf, receiptsOf } from './store/orders.ts';
import { listSessions, loginsOf } from './store/sessions.ts';
import { signalsOf } from './store/signals.ts';
import type { Db } from './store/store.ts';

const KINDS = [
  'signal',
  'decision',
  'order',
  'receipt',
  'nas-request',
  'nas-answer',
  'login',
  'session',
  'l2tp-server',
] as const;

/** One thing that happened to a device's access: `GET /v1/devices/<id>/timeline`. */
export const timelineEvent = z.object({
  at: z.iso.datetime(),
  kind: z.enum(KINDS),
  /** What it is part of: the id of the order, of the session, of the request, … */
  of: z.string(),
  text: z.string(),
});

export type TimelineEvent = z.infer<typeof timelineEvent>;

type Found = { at: number; kind: TimelineEvent['kind']; of: string; text: string };

/** What led to what, newest first: what was found, decided, ordered and asked, and what each of them answered. */
export async function timelineOf(db: Db, device: string, limit: number): Promise<TimelineEvent[]> {
  const found = [
    ...(await signals(db, device, limit)),
    ...(await decisions(db, device, limit)),
    ...(await orders(db, device, limit)),
    ...(await nasRequests(db, device, limit)),
    ...(await logins(db, device, limit)),
    ...(await sessions(db, device, limit)),
    ...(await servers(db, device, limit)),
  ];
  return found
    .toSorted((a, b) => b.at - a.at)
    .slice(0, limit)
    .map(({ at, ...rest }) => ({ at: iso(at), ...rest }));
}

async function signals(db: Db, device: string, limit: number): Promise<Found[]> {
  const rows = await signalsOf(db, device, limit);
  return rows.flatMap(({ source, id, severity, title, opened_at, closed_at, closed_by }) => {
    const event = (at: number, text: string): Found => ({ at, kind: 'signal', of: `${source}/${id}`, text });
    return [
      event(opened_at, `${source}: ${title} (${SEVERITIES[severity] ?? severity})`),
      ...(closed_at === null
        ? []
        : [event(closed_at, `${source}: ${title}, closed by ${closed_by ?? 'somebody'}`)]),
    ];
  });
}

async function decisions(db: Db, device: string, limit: number): Promise<Found[]> {
  const rows = await decisionHistory(db, device, limit);
  return rows.map(({ at, decision: { access, reason, sentence } }) => ({
    at,
    kind: 'decision',
    of: reason,
    text: `${access}: ${sentence}`,
  }));
}

async function orders(db: Db, device: string, limit: number): Promise<Found[]> {
  const sent = await ordersOf(db, device, limit);
  const proved = await receiptsOf(db, device, limit);
  return [
    ...sent.map(({ issued_at: at, id, action, target }): Found => {
      return { at, kind: 'order', of: id, text: `laptop: ${action} ${target}` };
    }),
    ...proved.map(({ received_at: at, order_id: of, phase, status }): Found => {
      return { at, kind: 'receipt', of, text: `laptop: ${phase}, status ${status}` };
    }),
  ];
}

async function nasRequests(db: Db, device: string, limit: number): Promise<Found[]> {
  const rows = await nasRequestsOf(db, device, limit);
  return rows.flatMap(({ id, nas, kind, want, cause, created_at, state, attempts, answer, finished_at }) => {
    const asked: Found = {
      at: created_at,
      kind: 'nas-request',
      of: id,
      text: `${nas}: ${kind}, for ${want}. ${cause}`,
    };
    const times = attempts > 1 ? ` at attempt ${attempts}` : '';
    const text = `${nas}: ${kind} ${state}${times}${answer === null ? '' : `: ${answer}`}`;
    return finished_at === null ? [asked] : [asked, { at: finished_at, kind: 'nas-answer', of: id, text }];
  });
}

async function logins(db: Db, device: string, limit: number): Promise<Found[]> {
  const rows = await loginsOf(db, device, limit);
  return rows.map(({ at, id, nas, user, access, reason, identity }) => ({
    at,
    kind: 'login',
    of: id,
    text: `${nas}: ${user} was answered ${access} (${reason}), recognised by ${identity ?? 'nothing'}`,
  }));
}

async function sessions(db: Db, device: string, limit: number): Promise<Found[]> {
  const rows = await listSessions(db, { device }, limit);
  return rows.flatMap(({ id, nas, framed_address, started_at, ended_at, cause }) => {
    const event = (at: number, text: string): Found => ({ at, kind: 'session', of: id, text });
    const where = `${nas}: session ${framed_address === '' ? '' : `at ${framed_address} `}`;
    return [
      event(started_at, `${where}began`),
      ...(ended_at === null ? [] : [event(ended_at, `${where}ended (${cause ?? 'no cause given'})`)]),
    ];
  });
}

async function servers(db: Db, device: string, limit: number): Promise<Found[]> {
  const rows = await l2tpEvents(db, device, limit);
  return rows.map(({ at, id, text }) => ({ at, kind: 'l2tp-server', of: id, text }));
}
