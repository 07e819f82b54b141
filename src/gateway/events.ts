import { isIP } from 'node:net';
import { readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/*
 * The hooks of strongSwan and pppd put one file an event into a folder: NAME=value, each ended by a zero byte, written
 * under another name first. A file waits while the helper is away, and a hook never does.
 */

/** An IPsec tunnel of a peer came up or went down. `tunnel` tells several of one peer apart. */
export type PeerEvent = {
  event: 'up' | 'down';
  peerAddress: string;
  peerId: string;
  tunnel: string;
  /** Whether its connection takes certificates only; else a peer calls itself what it likes. */
  proof: 'certificate' | null;
  /** Milliseconds since the epoch. */
  at: number;
};

export type GatewayEvent = ({ kind: 'peer' } & PeerEvent) | { kind: 'ppp' };

const MAX_BYTES = 8_192;
const MAX_FILES = 1_000;
const NAME = /^event-[A-Za-z0-9._-]{1,80}$/;

const VERBS: Record<string, 'up' | 'down'> = {
  'up-host': 'up',
  'up-client': 'up',
  'up-host-v6': 'up',
  'up-client-v6': 'up',
  'down-host': 'down',
  'down-client': 'down',
  'down-host-v6': 'down',
  'down-client-v6': 'down',
};

/**
 * The event in a file's text, or null for what is none. Every value may be the peer's own: a name is taken as text of at
 * most 1000 bytes in one line, an address only as an address, and any verb but those above is no event.
 */
export function parseEvent(text: string, at: number): GatewayEvent | null {
  const values = new Map(
    text.split('\0').flatMap((field) => {
      const [, name, value] = /^([A-Z_]{1,40})=([\s\S]*)$/.exec(field) ?? [];
      return name === undefined ? [] : [[name, value ?? ''] as const];
    }),
  );
  const value = (name: string) => values.get(name) ?? '';
  if (value('KIND') === 'ppp') return { kind: 'ppp' };
  const verb = value('PLUTO_VERB');
  const event = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  const peerAddress = value('PLUTO_PEER');
  const peerId = value('PLUTO_PEER_ID');
  const isPeer = value('KIND') === 'peer' && event !== undefined && isIP(peerAddress) !== 0;
  if (!isPeer || !isName(peerId)) return null;
  const numbers = [value('PLUTO_UNIQUEID'), value('PLUTO_REQID')];
  if (!numbers.every((one) => /^\d{0,10}$/.test(one))) return null;
  const proof = value('PROOF') === 'certificate' ? 'certificate' : null;
  return { kind: 'peer', event, peerAddress, peerId, tunnel: numbers.join('/'), proof, at };
}

function isName(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text !== '' && Buffer.byteLength(text) <= 1_000 && !/[\u0000-\u001f\u007f\ufffd]/.test(text);
}

/** The events that wait, oldest first; what is none is removed. `file` is to be removed once its event is done. */
export async function readEvents(folder: string): Promise<{ file: string; event: GatewayEvent }[]> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).slice(0, MAX_FILES);
  const read = await Promise.all(names.map((name) => readEvent(join(folder, name))));
  const events = read.filter((one) => one !== null);
  return events.toSorted((a, b) => a.at - b.at || (a.file < b.file ? -1 : 1));
}

async function readEvent(file: string) {
  try {
    const { mtimeMs, size, isFile } = await stat(file).then((one) => ({
      mtimeMs: one.mtimeMs,
      size: one.size,
      isFile: one.isFile(),
    }));
    const at = Math.round(mtimeMs);
    const event = isFile && size <= MAX_BYTES ? parseEvent(await readFile(file, 'utf8'), at) : null;
    if (event !== null) return { file, event, at };
    await unlink(file);
  } catch {
    // It went away in the meantime, or cannot be read: the next look will tell.
  }
  return null;
}
