import { connect, type Socket } from 'node:net';
import { DEFAULT_MAX_BYTES, DEFAULT_TIMEOUT_MS, type Output, type RunOptions } from '../base/exec.ts';
import {
  MAX_PACKET,
  rawLine,
  readPacket,
  valueIn,
  viciRegister,
  viciRequest,
  type ViciMessage,
} from './vici.ts';

/** Where swanctl itself looks, unless it is told otherwise. Below /run, where root alone makes anything. */
const SOCKET = '/run/charon.vici';

/** One of swanctl's questions, as the daemon is asked it. */
type Question = {
  command: string;
  values: Readonly<Record<string, string>>;
  /** What is told while the answer is made. */
  event: string | null;
};

/**
 * What `swanctl` with these arguments would answer, asked of strongSwan's daemon itself: the same in a hundredth of the
 * time, since no program starts. Null where swanctl has to be started: for everything but listing and terminating, and
 * where the daemon's socket cannot be reached.
 */
export async function askCharon(
  argv: readonly string[],
  options: RunOptions = {},
  path: string = SOCKET,
): Promise<Output | null> {
  const question = questionOf(argv);
  const socket = question === null ? null : await reach(path);
  return question === null || socket === null ? null : converse(socket, question, options);
}

const LISTS: Readonly<Record<string, string>> = { '--list-sas': 'list-sa', '--list-conns': 'list-conn' };
const TERMINATE = /^--terminate --(ike|child)-id (\d{1,10}) --timeout (\d{1,3}) --force$/;

function questionOf(argv: readonly string[]): Question | null {
  const [list = '', raw, ...rest] = argv;
  const event = LISTS[list];
  if (event !== undefined && raw === '--raw' && rest.length === 0)
    return { command: list.slice(2), values: {}, event };
  const [, kind, id, seconds] = TERMINATE.exec(argv.join(' ')) ?? [];
  if (kind === undefined || id === undefined) return null;
  const timeout = String(Number(seconds) * 1_000);
  return { command: 'terminate', values: { [`${kind}-id`]: id, timeout, force: 'yes' }, event: null };
}

function reach(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

/** Never rejects: like a program's, its end is in what it answers. */
function converse(socket: Socket, question: Question, options: RunOptions): Promise<Output> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES, signal } = options;
  const { command, values, event } = question;
  const lines: string[] = [];
  return new Promise((resolve) => {
    const finish = (ended: Partial<Output>) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', late);
      socket.destroy();
      resolve({ stdout: lines.join('\n'), stderr: '', code: null, failure: null, ...ended });
    };
    const late = () => finish({ failure: 'timeout' });
    const timer = setTimeout(late, timeoutMs);
    signal?.addEventListener('abort', late, { once: true });
    if (signal?.aborted) late();
    const take = (packet: ReturnType<typeof readPacket>) => {
      if (packet.kind === 'confirmed') socket.write(viciRequest(command, values));
      else if (packet.kind === 'event') lines.push(rawLine(`${packet.name} event`, packet.message));
      else if (packet.kind === 'unknown') finish({ code: 1, stderr: `the daemon does not know ${command}` });
      else finish(endOf(command, packet.message, lines));
    };
    socket.on('data', packets(take, maxBytes, finish));
    socket.once('error', (error) => finish({ code: 1, stderr: error.message }));
    socket.once('close', () => finish({ code: 1, stderr: 'the daemon hung up' }));
    socket.write(event === null ? viciRequest(command, values) : viciRegister(event));
  });
}

/** Cuts what comes into packets. */
function packets(
  take: (packet: ReturnType<typeof readPacket>) => void,
  maxBytes: number,
  finish: (ended: Partial<Output>) => void,
): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let total = 0;
  return (chunk) => {
    total += chunk.length;
    rest = Buffer.concat([rest, chunk]);
    try {
      while (rest.length >= 4 && rest.length >= 4 + lengthOf(rest)) {
        const end = 4 + lengthOf(rest);
        const packet = rest.subarray(4, end);
        rest = rest.subarray(end);
        take(readPacket(packet));
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      finish({ code: 1, stderr: `the daemon's answer cannot be read: ${error.message}` });
    }
    if (total > maxBytes) finish({ failure: 'flood' });
  };
}

function lengthOf(bytes: Buffer): number {
  const length = bytes.readUInt32BE(0);
  if (length > MAX_PACKET) throw new RangeError('a packet is too long');
  return length;
}

function endOf(command: string, message: ViciMessage, lines: string[]): Partial<Output> {
  lines.push(rawLine(`${command} reply`, message));
  if (valueIn(message, 'success') !== 'no') return { stdout: lines.join('\n'), code: 0 };
  return { stdout: lines.join('\n'), stderr: valueIn(message, 'errmsg') ?? '', code: 1 };
}
