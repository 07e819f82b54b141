import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Channel, Place } from './guest.ts';
import { type Answer, type Request, socketOf } from './owner.ts';

/** Uses the guest that another process of this checkout holds. */
export class Client implements Channel {
  readonly folder: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (answer: Answer) => void>();

  private constructor(folder: string, socket: Socket) {
    this.folder = folder;
    this.#socket = socket;
    createInterface({ input: socket }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.call)?.(answer);
      this.#waiting.delete(answer.call);
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      for (const [call, answer] of this.#waiting)
        answer({ call, error: 'the process that holds the guest is gone' });
    });
  }

  static connect(folder: string): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(socketOf(folder));
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Client(folder, socket)));
    });
  }

  call(id: string, seconds: number, place: Place): Promise<number> {
    return this.#ask({ call: id, seconds, place });
  }

  async restart(): Promise<void> {
    await this.#ask({ call: 'restart' });
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(request: Request): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.call, (answer) =>
        'error' in answer ? reject(new Error(answer.error)) : resolve(answer.code),
      );
      this.#socket.write(`${JSON.stringify(request)}\n`);
    });
  }
}
