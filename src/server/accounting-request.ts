import { normalAddress } from './addresses.ts';
import { nasOf, numberOf, octetsOf, textOf, type Attributes } from './gateway-request.ts';
import { nonceIn } from './login-class.ts';

/** One accounting record. Text is decoded; much of it is the dialling computer's own. */
export type AccountingRecord = {
  kind: 'start' | 'interim' | 'stop' | 'nas-restart';
  nas: string;
  nasPort: string;
  /** The address given out inside the VPN, '' where the NAS names none. */
  framedAddress: string;
  /** '' where the session has no Class of ours. */
  nonce: string;
  acctSessionId: string;
  user: string;
  address: string | null;
  /** How long ago it happened, and how long the session has lasted; seconds. */
  delay: number;
  duration: number;
  bytesIn: number;
  bytesOut: number;
  cause: string | null;
};

/** The values of Acct-Status-Type, by name and number. */
const KINDS: Record<string, AccountingRecord['kind']> = {
  start: 'start',
  '1': 'start',
  stop: 'stop',
  '2': 'stop',
  alive: 'interim',
  'interim-update': 'interim',
  '3': 'interim',
  'accounting-on': 'nas-restart',
  '7': 'nas-restart',
  'accounting-off': 'nas-restart',
  '8': 'nas-restart',
};

const MAX_DELAY = 86_400;
const MAX_NAME = 253;

/** Null for what is no accounting, or of a kind that says nothing about sessions. */
export function accountingOf(attributes: Attributes): AccountingRecord | null {
  const kind = KINDS[textOf(attributes, 'acct_status_type').toLowerCase()];
  const nas = nasOf(attributes);
  if (kind === undefined || nas === '') return null;
  const short = (name: string) => textOf(attributes, name).slice(0, MAX_NAME);
  const framed = short('framed_ip_address');
  return {
    kind,
    nas: nas.slice(0, MAX_NAME),
    nasPort: short('nas_port') || short('nas_port_id'),
    framedAddress: normalAddress(framed) ?? '',
    nonce: nonceIn(octetsOf(attributes, 'class')) ?? '',
    acctSessionId: short('acct_session_id'),
    user: short('user_name'),
    address: normalAddress(short('tunnel_client_endpoint')) ?? normalAddress(short('calling_station_id')),
    delay: Math.min(numberOf(attributes, 'acct_delay_time') ?? 0, MAX_DELAY),
    duration: numberOf(attributes, 'acct_session_time') ?? 0,
    bytesIn: bytesOf(attributes, 'input'),
    bytesOut: bytesOf(attributes, 'output'),
    cause: causeOf(short('acct_terminate_cause')),
  };
}

/** RFC 2869: a counter of 32 bits and how often it has wrapped. */
function bytesOf(attributes: Attributes, way: 'input' | 'output'): number {
  const octets = numberOf(attributes, `acct_${way}_octets`) ?? 0;
  const wraps = numberOf(attributes, `acct_${way}_gigawords`) ?? 0;
  return Math.min(wraps * 2 ** 32 + octets, Number.MAX_SAFE_INTEGER);
}

/** `User-Request` and the like, in our own spelling. */
function causeOf(text: string): string | null {
  return /^[A-Za-z0-9-]{1,60}$/.test(text) ? text.toLowerCase() : null;
}
