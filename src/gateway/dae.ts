import { z } from 'zod';
import { ERROR_CAUSE, isTimely } from '../wire/dae.ts';
import { classText, type PppSession } from './ppp.ts';

/** A Disconnect or CoA request as FreeRADIUS hands it over. Absent is ''. */
const text = z.string().max(2_000).default('');
export const daeBody = z.object({
  kind: z.enum(['Disconnect-Request', 'CoA-Request']),
  user_name: text,
  class: text,
  nas_port: text,
  framed_ip_address: text,
  filter_id: text,
  event_timestamp: text,
  message_authenticator: text,
});
export type DaeBody = z.output<typeof daeBody>;

export type DaeAction =
  { do: 'end'; session: PppSession } | { do: 'move'; session: PppSession; filter: string };
export type DaeRefusal = { cause: number; why: string };

/**
 * What a request asks for, or why it cannot be done. A session is named by its Class or its address: a user has many, a
 * unit is another's a moment later, and pppd's Acct-Session-Id of Debian 12 is not unique. All that is given has to fit.
 */
export function actionFor(
  body: DaeBody,
  sessions: readonly PppSession[],
  { filters, now }: { filters: readonly string[]; now: number },
): DaeAction | DaeRefusal {
  const refusal = notBelieved(body, now) ?? (body.kind === 'CoA-Request' ? wrongFilter(body, filters) : null);
  if (refusal !== null) return refusal;
  if (body.class === '' && body.framed_ip_address === '') {
    return { cause: ERROR_CAUSE.missingAttribute, why: 'neither Class nor Framed-IP-Address' };
  }
  const [session, second] = sessions.filter((one) => fits(one, body));
  if (session === undefined) return { cause: ERROR_CAUSE.sessionNotFound, why: 'no such session' };
  if (second !== undefined) return { cause: ERROR_CAUSE.multipleSessions, why: 'several sessions' };
  return body.kind === 'Disconnect-Request'
    ? { do: 'end', session }
    : { do: 'move', session, filter: body.filter_id };
}

function notBelieved({ message_authenticator, event_timestamp }: DaeBody, now: number): DaeRefusal | null {
  if (message_authenticator === '') {
    return { cause: ERROR_CAUSE.missingAttribute, why: 'no Message-Authenticator' };
  }
  if (!/^\d{1,10}$/.test(event_timestamp)) {
    return { cause: ERROR_CAUSE.missingAttribute, why: 'no Event-Timestamp' };
  }
  return isTimely(Number(event_timestamp), now / 1_000)
    ? null
    : { cause: ERROR_CAUSE.invalidRequest, why: 'Event-Timestamp is not from now: compare the clocks' };
}

function wrongFilter({ filter_id }: DaeBody, filters: readonly string[]): DaeRefusal | null {
  if (filter_id === '') return { cause: ERROR_CAUSE.missingAttribute, why: 'no Filter-Id' };
  if (filters.includes(filter_id)) return null;
  return { cause: ERROR_CAUSE.invalidAttributeValue, why: 'a Filter-Id that the settings do not name' };
}

/** A session whose own Class is not known can be named by its address alone. */
function fits(session: PppSession, body: DaeBody): boolean {
  const wanted = nameOf(classText(body.class));
  const own = session.classes.map(nameOf);
  const byClass = wanted === '' || own.length === 0 ? null : own.includes(wanted);
  const byAddress = body.framed_ip_address === '' ? null : body.framed_ip_address === session.address;
  const byPort = body.nas_port === '' ? null : Number(body.nas_port) === session.unit;
  const answers = [byClass, byAddress, byPort];
  return !answers.includes(false) && (byClass === true || byAddress === true);
}

/** The posture server's Class begins with a nonce, which names the login by itself; another's is its own name. */
function nameOf(text: string): string {
  return /^p1;n=[A-Za-z0-9_-]{22}(?=;|$)/.exec(text)?.[0] ?? text;
}

/** The answer in rlm_rest's form. */
export function daeReply(cause: number | null): Record<string, unknown> {
  return {
    'control:Tmp-String-0': { op: ':=', do_xlat: false, value: [cause === null ? 'ack' : 'nak'] },
    ...(cause !== null && { 'reply:Error-Cause': { op: ':=', value: [cause] } }),
  };
}
