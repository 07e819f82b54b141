import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect as connectTo, type Socket } from 'node:net';
import { whoami } from '../base/commands.ts';
import { run } from '../base/exec.ts';
import { lineCutter } from '../wire/lines.ts';
import {
  isSameProof,
  isSid,
  MAX_HELLO,
  proofOf,
  readChallenge,
  WELCOME,
  writeHello,
} from '../wire/tray-handshake.ts';
import { TRAY_PIPE, traySecretFile } from '../wire/tray-address.ts';
import type { Connect } from './client.ts';

/** Milliseconds for the whole handshake. */
const PROOF_MS = 5_000;

/** A user's SID and secret. Rejects while the agent has not made one for this user. */
export type Credentials = () => Promise<{ sid: string; secret: Uint8Array }>;

/**
 * The agent's pipe. Anybody can open one of its name first: nothing is asked of it before it has proven that it knows
 * this user's secret. Never yet run on a real Windows by us.
 */
export function connectWindows(credentials: Credentials = ownCredentials, pipe = TRAY_PIPE): Connect {
  return async (signal) => {
    const { sid, secret } = await credentials();
    const socket = connectTo({ path: pipe, signal });
    socket.on('error', () => {});
    if (await prove(socket, sid, secret)) return socket;
    socket.destroy();
    throw new Error('the pipe is not the agent’s');
  };
}

/** True once both sides have proven that they know the secret. */
function prove(socket: Socket, sid: string, secret: Uint8Array): Promise<boolean> {
  const cut = lineCutter(MAX_HELLO);
  const nonce = randomBytes(32).toString('hex');
  let isProven = false;
  return new Promise((resolve) => {
    const end = (isAgent: boolean) => {
      clearTimeout(timer);
      socket.removeListener('data', onData);
      resolve(isAgent);
    };
    const timer = setTimeout(end, PROOF_MS, false);
    const onLine = (line: string) => {
      if (isProven) return end(line === WELCOME);
      const challenge = readChallenge(line);
      if (challenge === null) return end(false);
      const nonces = { tray: nonce, agent: challenge.nonce };
      if (!isSameProof(challenge.proof, proofOf(secret, 'agent', nonces))) return end(false);
      isProven = true;
      socket.write(`${proofOf(secret, 'tray', nonces)}\n`);
    };
    const onData = (chunk: Buffer) => {
      // The agent says one thing at a time, and nothing after its welcome before it is asked.
      const lines = cut(chunk);
      const [line] = lines ?? [];
      if (lines === null || lines.length > 1) end(false);
      else if (line !== undefined) onLine(line);
    };
    socket.on('data', onData);
    socket.once('connect', () => socket.write(`${writeHello({ sid, nonce })}\n`));
    socket.once('close', () => end(false));
  });
}

async function ownCredentials(): ReturnType<Credentials> {
  const answer = await run(whoami, ['/user', '/fo', 'csv', '/nh']);
  const sid = sidIn(answer.stdout);
  if (sid === null) throw new Error('this user has no SID of a person');
  const text = await readFile(traySecretFile(sid), 'utf8');
  return { sid, secret: Buffer.from(text.trim(), 'hex') };
}

/** The SID in the answer of `whoami /user /fo csv /nh`: the last field, whatever language the rest is in. */
export function sidIn(csv: string): string | null {
  const field = /"(S-[0-9-]+)"\s*$/.exec(csv)?.[1] ?? '';
  return isSid(field) ? field : null;
}
