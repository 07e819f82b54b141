// A TPM 2.0 in software (swtpm), with its own state folder and ports on loopback.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const SWTPM = '/usr/bin/swtpm';

export const hasSoftwareTpm = existsSync(SWTPM) && existsSync('/usr/bin/tpm2');

export type SoftwareTpm = {
  port: number;
  /** How tpm2-tools reach it. */
  tcti: string;
  /** Takes the power away. */
  stop(): Promise<void>;
  /** Gives it back, on the same port. */
  start(): Promise<void>;
};

/** `folder` is the chip: whoever has it has the seeds. */
export async function startSoftwareTpm(folder: string): Promise<SoftwareTpm> {
  const port = await freePair();
  let child: ChildProcess | null = null;
  const tpm: SoftwareTpm = {
    port,
    tcti: `swtpm:host=127.0.0.1,port=${port}`,
    async start() {
      const at = (number: number) => `type=tcp,port=${number},bindaddr=127.0.0.1`;
      const argv = [
        'socket',
        '--tpm2',
        '--tpmstate',
        `dir=${folder}`,
        '--server',
        at(port),
        '--ctrl',
        at(port + 1),
      ];
      child = spawn(SWTPM, [...argv, '--flags', 'not-need-init,startup-clear'], { stdio: 'ignore' });
      await listening(port);
    },
    async stop() {
      const running = child;
      child = null;
      if (running === null || running.exitCode !== null) return;
      const ended = new Promise((resolve) => running.once('exit', resolve));
      running.kill('SIGTERM');
      await ended;
    },
  };
  await tpm.start();
  return tpm;
}

/** Two free ports side by side: the tools find the second one by adding one. */
async function freePair(): Promise<number> {
  for (;;) {
    const first = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => first.once('listening', resolve));
    const { port } = first.address() as AddressInfo;
    const second = createServer();
    const free = await new Promise<boolean>((resolve) => {
      second.once('listening', () => resolve(true)).once('error', () => resolve(false));
      second.listen(port + 1, '127.0.0.1');
    });
    await Promise.all([first, second].map((one) => new Promise((resolve) => one.close(resolve))));
    if (free) return port;
  }
}

/** A connection of its own would keep others out for as long as it lasts. */
async function listening(port: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(20);
  }
  throw new Error('swtpm does not listen');
}
