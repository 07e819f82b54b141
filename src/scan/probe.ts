import { randomBytes, randomInt } from 'node:crypto';
import { mainMode, NON_ESP, readIke, saInit, type IkeAnswer, type IkeVersion } from './ike.ts';
import { MESSAGE, readControl, sccrq, stopCcn, type ControlMessage } from './l2tp.ts';
import { ask, type Heard, type Reply, type Sending } from './udp.ts';

/** What one question brought. `why` is a system's error code where there was one. */
export type Outcome = { state: 'answered' | 'refused' | 'silent' | 'unsent'; why: string | null };

export type L2tpOutcome = Outcome & {
  /** What the server says of itself; null where it did not answer. */
  server: {
    answer: 'accepts' | 'declines';
    hostName: string | null;
    vendor: string | null;
    firmware: number | null;
    /** Why it declines, in its own words. */
    says: string | null;
  } | null;
};

export type IkeOutcome = Outcome & {
  port: 500 | 4500;
  version: IkeVersion;
  answer: IkeAnswer['says'] | null;
};

const L2TP_PORT = 1701;
/** Who asks, for whoever reads the server's log. Never the name of this computer. */
const NAME = 'drawbridge-scan';

/** Milliseconds that an acknowledgement of our goodbye may take. */
const LEAVING_MS = [300, 700];

/** Asks for an L2TP tunnel outside IPsec, and takes leave of whoever opens one. */
export function probeL2tp(address: string, sending: Sending): Promise<L2tpOutcome> {
  const ours = randomInt(1, 0x1_0000);
  const heardOfLeave = { yes: false };
  const read = (datagram: Uint8Array) => {
    const message = readControl(datagram);
    if (message !== null && message.type === null && message.tunnel === ours) heardOfLeave.yes = true;
    return message !== null && isAnswer(message, ours) ? message : null;
  };
  const also = ({ assigned }: ControlMessage, reply: Reply) => {
    if (assigned !== null) void reply(stopCcn(assigned, ours)).catch(() => {});
  };
  const asking = { address, port: L2TP_PORT, packet: sccrq(ours, NAME), read, also, anyPort: true };
  return ask(asking, sending, async (heard) => {
    if (heard.state !== 'answered') return { ...plain(heard), server: null };
    const { answer, reply } = heard;
    if (answer.type === MESSAGE.sccrp && answer.assigned !== null)
      await leave(reply, { theirs: answer.assigned, ours, heard: heardOfLeave }, sending);
    return { state: 'answered', why: null, server: serverOf(answer) };
  });
}

type Leaving = { theirs: number; ours: number; heard: { yes: boolean } };

/** Lost, it costs the server a tunnel that times out: it is said again to whoever does not acknowledge it. */
async function leave(
  reply: Reply,
  { theirs, ours, heard }: Leaving,
  { pace, clock }: Sending,
): Promise<void> {
  for (const wait of LEAVING_MS) {
    await pace();
    await reply(stopCcn(theirs, ours)).catch(() => {});
    await clock.sleep(wait);
    if (heard.yes) return;
  }
}

function isAnswer({ type, tunnel }: ControlMessage, ours: number): boolean {
  return tunnel === ours && (type === MESSAGE.sccrp || type === MESSAGE.stopCcn);
}

function serverOf({ type, hostName, vendor, firmware, result }: ControlMessage): L2tpOutcome['server'] {
  const answer = type === MESSAGE.sccrp ? 'accepts' : 'declines';
  const says = result === null ? null : result.text || `result ${result.code}`;
  return { answer, hostName, vendor, firmware, says };
}

/** Asks for an IKE negotiation that is not gone on with: the other side forgets it by itself. */
export function probeIke(
  address: string,
  { port, version }: Pick<IkeOutcome, 'port' | 'version'>,
  sending: Sending,
): Promise<IkeOutcome> {
  const spi = randomBytes(8);
  const message = version === 1 ? mainMode(spi) : saInit(spi, publicNumber(), randomBytes(32));
  const marker = port === 4500 ? NON_ESP : Buffer.alloc(0);
  const read = (datagram: Uint8Array) => {
    const isMarked = Buffer.from(datagram.subarray(0, marker.length)).equals(marker);
    return isMarked ? readIke(datagram.subarray(marker.length), spi) : null;
  };
  const packet = Buffer.concat([marker, message]);
  return ask({ address, port, packet, read, anyPort: false }, sending, async (heard) => ({
    ...plain(heard),
    port,
    version,
    answer: heard.state === 'answered' ? heard.answer.says : null,
  }));
}

/** Below the prime of group 14, whose highest bits are all ones. */
function publicNumber(): Buffer {
  const bytes = randomBytes(256);
  bytes[0] = 0x7f;
  return bytes;
}

function plain(heard: Heard<unknown>): Outcome {
  return { state: heard.state, why: 'why' in heard ? heard.why : null };
}
