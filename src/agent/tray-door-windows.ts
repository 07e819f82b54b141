import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { icacls, reg } from '../base/commands.ts';
import { run } from '../base/exec.ts';
import type { Logger } from '../base/log.ts';
import { lineCutter } from '../wire/lines.ts';
import { isSid, isSameProof, MAX_HELLO, proofOf, readHello, WELCOME } from '../wire/tray-handshake.ts';
import { TRAY_PIPE, traySecretFile } from '../wire/tray-address.ts';
import type { TrayCaller, TrayDoor } from './tray-door.ts';

export type WindowsDoorParts = {
  log: Logger;
  /** Replaced by tests. */
  pipe?: string;
  secrets?: Secrets;
};

/** One secret a user, in a file that only this user and the service can read. */
export type Secrets = {
  /** Makes files for whoever is logged in now, and takes away the others. */
  follow(): Promise<void>;
  of(sid: string): Uint8Array | null;
};

const LOOK_MS = 3_000;
/** Milliseconds for the whole handshake. */
const PROOF_MS = 5_000;
/** Callers who have not proven anything yet. */
const MAX_STRANGERS = 32;

/**
 * One pipe for all. Node cannot say who is at the other end of a pipe, nor who may open it: both sides prove that
 * they know the user's secret instead. Never yet run on a real Windows by us.
 */
export function windowsDoor({
  log,
  pipe = TRAY_PIPE,
  secrets = windowsSecrets(log),
}: WindowsDoorParts): TrayDoor {
  return {
    async open(onCaller, signal) {
      let strangers = 0;
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        socket.on('error', () => {});
        if (strangers >= MAX_STRANGERS) return void socket.destroy();
        sockets.add(socket);
        strangers += 1;
        socket.once('close', () => sockets.delete(socket));
        const admit = async () => {
          const caller = await prove(socket, secrets);
          strangers -= 1;
          if (caller === null) socket.destroy();
          else onCaller(caller);
        };
        void admit();
      });
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ path: pipe, readableAll: true, writableAll: true }, resolve);
      });
      while (!signal.aborted) {
        await secrets.follow().catch((error: unknown) => log.warn({ err: error }, 'trays’ secrets not made'));
        await pause(LOOK_MS, signal);
      }
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** The caller once it has proven whose it is; null where it has not. An unknown user takes as long as a known one. */
function prove(socket: Socket, secrets: Secrets): Promise<TrayCaller | null> {
  const cut = lineCutter(MAX_HELLO);
  const nonce = randomBytes(32).toString('hex');
  let expected: { user: string; proof: string } | null = null;
  return new Promise((resolve) => {
    const end = (caller: TrayCaller | null) => {
      clearTimeout(timer);
      socket.removeListener('data', onData);
      resolve(caller);
    };
    const timer = setTimeout(end, PROOF_MS, null);
    const onLine = (line: string) => {
      if (expected !== null) {
        if (!isSameProof(line, expected.proof)) return end(null);
        socket.write(`${WELCOME}\n`);
        return end({ user: expected.user, socket });
      }
      const hello = readHello(line);
      if (hello === null) return end(null);
      const secret = secrets.of(hello.sid) ?? randomBytes(32);
      const nonces = { tray: hello.nonce, agent: nonce };
      expected = { user: hello.sid, proof: proofOf(secret, 'tray', nonces) };
      socket.write(`${nonce} ${proofOf(secret, 'agent', nonces)}\n`);
    };
    const onData = (chunk: Buffer) => {
      const lines = cut(chunk);
      // Nobody honest says two things at once: each waits for our answer.
      const [line] = lines ?? [];
      if (lines === null || lines.length > 1) end(null);
      else if (line !== undefined) onLine(line);
    };
    socket.on('data', onData);
    socket.once('close', () => end(null));
  });
}

/** Users whose part of the registry is loaded are logged in. Pure. */
export function parseLoadedUsers(hives: string): string[] {
  return hives
    .split(/\r?\n/)
    .map((line) => line.trim().replace(/^HKEY_USERS\\/, ''))
    .filter(isSid);
}

function windowsSecrets(log: Logger): Secrets {
  const known = new Map<string, Uint8Array>();
  return {
    of: (sid) => known.get(sid) ?? null,
    async follow() {
      const hives = await run(reg, ['query', 'HKU']);
      if (hives.code !== 0) return;
      const present = parseLoadedUsers(hives.stdout);
      for (const sid of known.keys()) if (!present.includes(sid)) await forget(sid, known);
      for (const sid of present.filter((one) => !known.has(one))) await make(sid, known, log);
    },
  };
}

async function forget(sid: string, known: Map<string, Uint8Array>): Promise<void> {
  known.delete(sid);
  await rm(dirname(traySecretFile(sid)), { recursive: true, force: true });
}

/** The folder is closed before the secret is in it: what it allows goes over to the file. */
async function make(sid: string, known: Map<string, Uint8Array>, log: Logger): Promise<void> {
  const file = traySecretFile(sid);
  const folder = dirname(file);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const rights = ['/inheritance:r', '/grant:r', '*S-1-5-18:(OI)(CI)F', `*${sid}:(OI)(CI)R`];
  const closed = await run(icacls, [folder, ...rights]);
  if (closed.code !== 0) {
    log.warn({ sid, code: closed.code }, 'a tray’s secret cannot be kept from others, so it is not made');
    return;
  }
  const secret = randomBytes(32);
  await writeFile(file, secret.toString('hex'), { flag: 'wx' });
  known.set(sid, secret);
}
