/** What the agent does with the report or frame that was refused. */
type Handling = 'resend' | 'send-full' | 'drop' | 'reconnect' | 'stop';

type Row = { handling: Handling; hint: string };

/**
 * Every reason for which the server refuses something, with what to do about it: the agent's handling and a
 * sentence for the person who reads the log.
 */
export const REFUSALS = {
  frame_too_large: {
    handling: 'drop',
    hint: 'The frame is larger than the server accepts; the report was dropped and counted.',
  },
  malformed: {
    handling: 'drop',
    hint: 'The frame is not what this protocol defines; update the older of agent and server.',
  },
  wrong_type: {
    handling: 'drop',
    hint: 'The token’s typ or alg is not the one expected here; update the older of agent and server.',
  },
  unknown_key: { handling: 'reconnect', hint: 'No session is open under this key; connect again.' },
  revoked: {
    handling: 'stop',
    hint: 'This device was removed; enrol it again with a new token if that was not meant.',
  },
  bad_signature: {
    handling: 'drop',
    hint: 'The signature does not match; if this repeats, enrol the device again.',
  },
  wrong_issuer: {
    handling: 'stop',
    hint: 'The report names another device than its key; enrol the device again.',
  },
  wrong_audience: {
    handling: 'stop',
    hint: 'The report was meant for another server; check server.url in the agent’s configuration.',
  },
  unsupported_profile: {
    handling: 'stop',
    hint: 'Server and agent do not share a report profile; update the older of the two.',
  },
  clock_skew: {
    handling: 'resend',
    hint: 'The device’s clock is more than 120 s off; set its time. The agent corrects itself from the server’s time.',
  },
  nonce_unknown: {
    handling: 'resend',
    hint: 'The nonce was not issued on this connection or was used already; send again with the one given now.',
  },
  nonce_expired: {
    handling: 'resend',
    hint: 'The nonce is older than 120 s; send again with the one given now.',
  },
  seq_replayed: {
    handling: 'resend',
    hint: 'The sequence number was used before; send again with a higher one. If this repeats, the device’s state was copied.',
  },
  report_conflict: {
    handling: 'drop',
    hint: 'This report id was stored before with other content; an alarm was raised. Look for a copied device.',
  },
  schema_invalid: {
    handling: 'drop',
    hint: 'A fact does not have the shape of its check; the report was dropped. Update the agent.',
  },
  base_mismatch: {
    handling: 'send-full',
    hint: 'The server does not have the report that this one builds on; send a full one.',
  },
  no_session: { handling: 'reconnect', hint: 'Send the session frame first.' },
  superseded: { handling: 'reconnect', hint: 'A newer connection of this device took over.' },
  cloned_key: {
    handling: 'reconnect',
    hint: 'Two computers use this device’s identity; an alarm was raised. Enrol one of them again.',
  },
  protocol_unsupported: {
    handling: 'stop',
    hint: 'Server and agent share no protocol version; update the older of the two.',
  },
  approval_pending: {
    handling: 'stop',
    hint: 'An administrator has to approve this device: drawbridge-server device approve ID.',
  },
  token_unknown: {
    handling: 'stop',
    hint: 'The server does not know this token; ask for a new one: drawbridge-server token create.',
  },
  token_used: {
    handling: 'stop',
    hint: 'The token was used before; ask for a new one: drawbridge-server token create.',
  },
  token_expired: {
    handling: 'stop',
    hint: 'The token is past its time; ask for a new one: drawbridge-server token create.',
  },
  hardware_unlisted: {
    handling: 'stop',
    hint: 'This token is for computers of other serial numbers; ask for one that lists this computer.',
  },
  key_retired: {
    handling: 'stop',
    hint: 'This device has newer keys. Give back the state folder that holds them, or enrol it again.',
  },
  through_tunnel: {
    handling: 'stop',
    hint: 'This computer reaches the server through the VPN that the server decides about; make the server reachable outside the tunnel, disconnect the VPN, and enrol again.',
  },
  challenge_unknown: {
    handling: 'resend',
    hint: 'The enrolment took longer than 120 s or was sent twice; run it again.',
  },
  rate_limited: { handling: 'resend', hint: 'Too many attempts; wait a minute.' },
  store_unavailable: {
    handling: 'resend',
    hint: 'The server could not write to its database; nothing was acknowledged, send again.',
  },
  timeout: { handling: 'reconnect', hint: 'The session frame did not arrive in time; connect again.' },
} as const satisfies Record<string, Row>;

export type Refusal = keyof typeof REFUSALS;

export const refusalCodes = Object.keys(REFUSALS) as [Refusal, ...Refusal[]];

export function isRefusal(code: string): code is Refusal {
  return Object.hasOwn(REFUSALS, code);
}

/** What to do about a code; one that a newer server invented is treated as `resend`. */
export function handlingOf(code: string): Handling {
  return isRefusal(code) ? REFUSALS[code].handling : 'resend';
}

export function hintOf(code: string): string {
  return isRefusal(code)
    ? REFUSALS[code].hint
    : 'The server gave a reason that this agent does not know; update the agent.';
}
