import { handlingOf, hintOf } from '../wire/refusal.ts';

/**
 * Why a connection ended, with a sentence for people. `code` is one of the wire's refusals, or `closed` or
 * `silent`. `late`: trying again soon would change nothing.
 */
export type Ending = { code: string; hint: string; retry: 'soon' | 'late' };

/** `stop` is not for ever: an administrator may approve, a policy may change; the agent asks again, but rarely. */
export function endingOf(code: string, hint = hintOf(code)): Ending {
  // Whoever has just enrolled may be approved in the next minute.
  const isLate = handlingOf(code) === 'stop' && code !== 'approval_pending';
  return { code, hint, retry: isLate ? 'late' : 'soon' };
}

export const closed: Ending = { code: 'closed', hint: 'The connection was closed.', retry: 'soon' };
export const silent: Ending = { code: 'silent', hint: 'The server did not answer in time.', retry: 'soon' };
