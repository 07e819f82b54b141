import { lstat } from 'node:fs/promises';
import { connect as connectTo, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Connect } from './client.ts';

/**
 * The agent's socket for this user. The folder has to be one that nobody but this user, or root, can have made: a
 * stranger's folder in its place would let the stranger speak as the agent.
 */
export function connectUnix(path: string, uid: number): Connect {
  return async (signal) => {
    const folder = await lstat(dirname(path));
    const isOurs =
      folder.isDirectory() && (folder.uid === uid || folder.uid === 0) && (folder.mode & 0o022) === 0;
    if (!isOurs) throw new Error(`${dirname(path)} can be changed by others`);
    return open(path, signal);
  };
}

function open(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTo({ path, signal });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
