import type { Access } from '../wire/decision.ts';

/** What the gateway is told. `filterId` and `sessionTimeoutSeconds` go with access, not with a deny. */
export type GateAnswer = {
  access: Access;
  message: string | null;
  filterId: string | null;
  sessionTimeoutSeconds: number | null;
  /** Comes back in every accounting record of the session. */
  correlation: string | null;
};

type Attribute = { op: ':='; do_xlat?: false; value: [string | number] };

/** An attribute of RADIUS holds this many bytes of text. */
const MAX_BYTES = 253;

/**
 * The answer in the form that FreeRADIUS' rlm_rest reads. `do_xlat: false` stands on every string: without it,
 * FreeRADIUS would expand a `%{…}` inside, and much of this text is the client's own.
 */
export function radiusReply(answer: GateAnswer): Record<string, Attribute> {
  const { access, message, filterId, sessionTimeoutSeconds, correlation } = answer;
  return {
    'control:Tmp-String-0': string(access),
    ...(message !== null && { 'reply:Reply-Message': string(message) }),
    ...(filterId !== null && { 'reply:Filter-Id': string(filterId) }),
    ...(sessionTimeoutSeconds !== null && {
      'reply:Session-Timeout': { op: ':=' as const, value: [sessionTimeoutSeconds] as [number] },
    }),
    ...(correlation !== null && { 'reply:Class': string(correlation) }),
  };
}

function string(value: string): Attribute {
  return { op: ':=', do_xlat: false, value: [fit(value)] };
}

/** One line, without control characters, cut between characters so that it fits. */
function fit(value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  const clean = value.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim();
  if (Buffer.byteLength(clean) <= MAX_BYTES) return clean;
  let cut = '';
  for (const character of clean) {
    if (Buffer.byteLength(cut + character) > MAX_BYTES - 3) break;
    cut += character;
  }
  return `${cut}…`;
}
