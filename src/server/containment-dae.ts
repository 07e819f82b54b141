import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { isIPv4, isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { DaeAttributes, VendorAttribute } from '../wire/dae-attributes.ts';
import { decodeDaeAnswer, encodeDaeRequest, type DaeAnswer, type DaeKind } from '../wire/dae.ts';
import { classOf } from './login-class.ts';
import type { NasType, Template } from './radius-settings.ts';
import type { SessionRow } from './store/tables.ts';

/** Where a NAS listens for RFC 5176, and the secret that it shares with us. */
export type DaeDoor = { host: string; port: number; secret: string };

/** The same bytes so often, and so long for an answer each time. */
const SENDS = 3;
const WAIT_MS = 2_000;

/**
 * Asks once, sending the same bytes again while nothing comes. Null: no answer that is worth the name. Rejects where
 * nothing can be sent at all.
 */
export async function exchangeDae(
  door: DaeDoor,
  { kind, attributes }: { kind: DaeKind; attributes: DaeAttributes },
  clock: Clock,
): Promise<DaeAnswer | null> {
  const timestamp = Math.floor(clock.now() / 1_000);
  const packet = encodeDaeRequest({ kind, identifier: randomInt(256), timestamp, attributes }, door.secret);
  const socket = createSocket(isIPv6(door.host) ? 'udp6' : 'udp4');
  try {
    await connect(socket, door);
    return await answerTo(socket, packet, door.secret, clock);
  } finally {
    socket.close();
  }
}

/** A connected socket takes packets from that address and port only. */
function connect(socket: Socket, { host, port }: DaeDoor): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, host, () => {
      // A port that nobody listens at is told by ICMP; the NAS may be there a moment later.
      socket.off('error', reject).on('error', () => {});
      resolve();
    });
  });
}

async function answerTo(
  socket: Socket,
  packet: Buffer,
  secret: string,
  clock: Clock,
): Promise<DaeAnswer | null> {
  const answered = new AbortController();
  let found: DaeAnswer | null = null;
  socket.on('message', (bytes) => {
    // Whatever was not made with our secret, for this very request, was not said by the NAS.
    const answer = decodeDaeAnswer(bytes, packet, secret);
    if (!answer.ok) return;
    found = answer.value;
    answered.abort();
  });
  for (let sent = 0; sent < SENDS && !answered.signal.aborted; sent += 1) {
    socket.send(packet, () => {});
    await clock.sleep(WAIT_MS, answered.signal).catch(() => {});
  }
  return found;
}

/**
 * What names a session to its NAS: never a user alone, who may have others. Our own helper also gets the login's nonce,
 * which no other session has; to other NASes a Class in such a request means what they make of it.
 */
export function sessionAttributes(session: SessionRow, type: NasType): DaeAttributes {
  const { nas, user, nas_port: port, framed_address: framed, acct_session_id: id, login } = session;
  return {
    ...(isIPv4(nas) ? { nasIpAddress: nas } : { nasIdentifier: nas }),
    ...(user !== '' && { userName: user }),
    ...(/^\d{1,9}$/.test(port) ? { nasPort: Number(port) } : port !== '' && { nasPortId: port }),
    ...(isIPv4(framed) && { framedIpAddress: framed }),
    ...(id !== '' && { acctSessionId: id }),
    ...(type === 'freeradius-pppd' && login !== '' && { class: [classOfNonce(login)] }),
  };
}

function classOfNonce(nonce: string): Buffer {
  return Buffer.from(classOf({ nonce, device: null, decision: null }));
}

const MIKROTIK = { vendor: 14_988, addressList: 19 };
const CISCO = { vendor: 9, avPair: 1 };

/** What of a reply can be changed while a session is up. */
export function changeAttributes(template: Exclude<Template, 'deny'>): DaeAttributes {
  const { 'Filter-Id': filterId, 'Session-Timeout': sessionTimeout } = template;
  const vendor = [
    ...vendorTexts(MIKROTIK.vendor, MIKROTIK.addressList, template['Mikrotik-Address-List']),
    ...vendorTexts(CISCO.vendor, CISCO.avPair, template['Cisco-AVPair']),
  ];
  return {
    ...(typeof filterId === 'string' && { filterId }),
    ...(typeof sessionTimeout === 'number' && { sessionTimeout }),
    ...(vendor.length > 0 && { vendor }),
  };
}

type Values = Exclude<Template, 'deny'>[string];

function vendorTexts(vendor: number, type: number, values: Values | undefined): VendorAttribute[] {
  const all = values === undefined ? [] : Array.isArray(values) ? values : [values];
  return all.map((value) => ({ vendor, type, value: Buffer.from(String(value)) }));
}
