import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Guest } from './guest.ts';

const DISK_BYTES = 2 * 2 ** 30;

/** Who holds this checkout's guest, and where. */
export type Holder = { pid: number; folder: string };

/** One guest for a checkout: a second would fight with it for processor and memory. */
const claim = join(
  tmpdir(),
  `drawbridge-rig-${userInfo().uid}-${createHash('sha256')
    .update(import.meta.dirname)
    .digest('hex')
    .slice(0, 12)}.json`,
);

export const socketOf = (folder: string) => join(folder, 'rig.sock');

/** The live holder of this checkout's guest, or null; what a dead one left behind is removed. */
export function holder(): Holder | null {
  if (!existsSync(claim)) return null;
  const found = JSON.parse(readFileSync(claim, 'utf8')) as Holder;
  if (alive(found.pid)) return found;
  rmSync(found.folder, { recursive: true, force: true });
  rmSync(claim, { force: true });
  return null;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What a client asks of the process that holds the guest, one JSON document a line. */
export type Request = { call: string; seconds: number; place: string } | { call: 'restart' };
export type Answer = { call: string; code: number } | { call: string; error: string };

/** Holds the guest, and lets other processes of this checkout use it through a socket. */
export class Owner {
  readonly folder: string;
  readonly guest: Guest;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #leave = () => this.#remove();

  constructor() {
    const other = holder();
    if (other !== null)
      throw new Error(
        `process ${other.pid} runs a rig of this checkout already: end it first, or use it by npm run rig`,
      );
    this.folder = mkdtempSync(join(tmpdir(), 'drawbridge-rig-'));
    writeFileSync(claim, JSON.stringify({ pid: process.pid, folder: this.folder } satisfies Holder), {
      flag: 'wx',
    });
    process.once('exit', this.#leave);
    writeFileSync(join(this.folder, 'disk.img'), '');
    truncateSync(join(this.folder, 'disk.img'), DISK_BYTES);
    this.guest = new Guest(this.folder);
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async start(): Promise<void> {
    await this.guest.boot();
    await new Promise<void>((resolve) => this.#server.listen(socketOf(this.folder), resolve));
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.guest.kill();
    process.off('exit', this.#leave);
    this.#remove();
  }

  /** As pulling the plug and switching it on again: the nodes are gone, the disk has what was flushed to it. */
  async restart(): Promise<void> {
    await this.guest.kill();
    await this.guest.boot();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
    createInterface({ input: socket }).on('line', (line) => {
      const request = JSON.parse(line) as Request;
      void this.#do(request).then(
        (code) => socket.write(`${JSON.stringify({ call: request.call, code } satisfies Answer)}\n`),
        (error: unknown) =>
          socket.write(`${JSON.stringify({ call: request.call, error: String(error) } satisfies Answer)}\n`),
      );
    });
  }

  async #do(request: Request): Promise<number> {
    if ('place' in request) return this.guest.call(request.call, request.seconds, request.place);
    await this.restart();
    return 0;
  }

  #remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(claim, { force: true });
  }
}
