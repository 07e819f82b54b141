import { randomBytes } from 'node:crypto';
import { chmod, chown, lchown, lstat, mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { isMissing } from '../base/atomic-file.ts';
import type { Logger } from '../base/log.ts';
import { traySocket } from '../wire/tray-address.ts';
import type { TrayCaller, TrayDoor } from './tray-door.ts';
import type { LoggedIn } from './tray-users.ts';

export type UnixDoorParts = {
  /** Holds a folder for each user. Nobody but the agent's own user may write to it. */
  folder: string;
  users: LoggedIn;
  log: Logger;
};

type Door = { server: Server; sockets: ReadonlySet<Socket> };

/** Users who are served at the same time. */
const MAX_USERS = 32;
/** Bytes of a socket's path, with the least of all systems. */
const MAX_PATH = 103;

/**
 * One socket a user, which only that user (and root) can reach: which of them has accepted a connection says whose
 * it is. It is made when the user logs in, and goes when they log out.
 */
export function unixDoor(parts: UnixDoorParts): TrayDoor {
  return {
    async open(onCaller, signal) {
      const { folder, users, log } = parts;
      if (Buffer.byteLength(traySocket(folder, 4_294_967_295)) > MAX_PATH)
        throw new Error(`the path ${folder} is too long for sockets; set tray.folder to a shorter one`);
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await chmod(folder, 0o755);
      const doors = new Map<number, Door>();
      const failed = new Set<number>();
      const follow = async () => {
        const present = (await users.list()).slice(0, MAX_USERS);
        for (const [uid, door] of doors) if (!present.includes(uid)) await shut(folder, uid, door, doors);
        for (const uid of present) {
          if (doors.has(uid) || signal.aborted) continue;
          try {
            doors.set(uid, await openFor(folder, uid, onCaller));
            failed.delete(uid);
          } catch (error) {
            if (!failed.has(uid)) log.warn({ uid, err: error }, 'a user’s tray cannot be served');
            failed.add(uid);
          }
        }
      };
      await following(follow, users, signal, log);
      for (const [uid, door] of doors) await shut(folder, uid, door, doors);
    },
  };
}

/** Follows who is logged in, one look after the other, until `signal` aborts. */
async function following(
  follow: () => Promise<void>,
  users: LoggedIn,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  let asked = Promise.withResolvers<void>();
  const ask = () => asked.resolve();
  users.watch(signal).listen(ask);
  signal.addEventListener('abort', ask, { once: true });
  while (!signal.aborted) {
    asked = Promise.withResolvers();
    await follow().catch((error: unknown) => log.warn({ err: error }, 'who is logged in cannot be followed'));
    if (!signal.aborted) await asked.promise;
  }
}

async function openFor(folder: string, uid: number, onCaller: (caller: TrayCaller) => void): Promise<Door> {
  const own = join(folder, String(uid));
  await clear(own);
  // Ours until everything in it is as it has to be: nobody can put a link where we act.
  await mkdir(own, { mode: 0o700 });
  const server = createServer((socket) => onCaller({ user: String(uid), socket }));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const path = traySocket(folder, uid);
  await listen(server, path);
  await chmod(path, 0o600);
  if (uid !== process.getuid?.()) {
    await lchown(path, uid, await groupOf(own));
    await chown(own, uid, await groupOf(own));
  }
  await chmod(own, 0o500);
  return { server, sockets };
}

/** The group stays the agent's own: it has no rights there. */
async function groupOf(path: string): Promise<number> {
  return (await lstat(path)).gid;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: 8 }, () => {
      server.removeListener('error', reject);
      server.on('error', () => {});
      resolve();
    });
  });
}

async function shut(
  folder: string,
  uid: number,
  { server, sockets }: Door,
  doors: Map<number, Door>,
): Promise<void> {
  doors.delete(uid);
  server.close();
  for (const socket of sockets) socket.destroy();
  await clear(join(folder, String(uid))).catch(() => {});
}

/**
 * Takes away a user's folder. It is the user's own, who may have put anything into it: taken back first, and what is
 * not ours is set aside rather than walked through.
 */
async function clear(own: string): Promise<void> {
  try {
    const status = await lstat(own);
    if (!status.isDirectory()) return await unlink(own);
    await lchown(own, process.getuid?.() ?? status.uid, status.gid);
    await chmod(own, 0o700);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  await unlink(join(own, 'tray.sock')).catch(() => {});
  try {
    await rmdir(own);
  } catch {
    const aside = `${own}.${randomBytes(4).toString('hex')}`;
    // Walking through what a user has made could lead anywhere; the folder's file system ends with the computer's run.
    await rename(own, aside);
  }
}
