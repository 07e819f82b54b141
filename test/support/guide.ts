// docs/deploy.md's first deployment, step by step, on a machine booted for it: what the document says is what is run.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { bootSystemd, type SystemdRoot } from './systemd-root.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const HEADING = '## In ten minutes';
/** The name of the server in the document. */
const SERVER = 'posture.example.org';
const PATIENT_MS = 60_000;

/** What a step's commands said, a line of the document after the other. */
export type Shown = { command: string; out: string };

/** The document's code blocks below a heading. */
export function guideBlocks(heading: string): string[] {
  const text = readFileSync(join(CHECKOUT, 'docs/deploy.md'), 'utf8');
  const section = text.split(`\n${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
}

/** The document's steps: the commands of each code block. */
export function guideSteps(): string[][] {
  return guideBlocks(HEADING).map((block) => block.split('\n').filter((line) => line !== ''));
}

export class GuideMachine {
  readonly #root: SystemdRoot;
  /** In place of what stands in the document for something that differs each time. */
  readonly #stands = new Map<string, string>();

  private constructor(root: SystemdRoot) {
    this.#root = root;
  }

  /** With the packages of `folder` (below this checkout) where the reader has them; null where none can be booted. */
  static async boot(folder: string): Promise<GuideMachine | null> {
    if (!existsSync('/lib/systemd/systemd')) return null;
    const root = await bootSystemd(CHECKOUT);
    if (root === null) return null;
    const machine = new GuideMachine(root);
    // No journal runs here, and /dev is no device file system, of which systemd could make a private one.
    machine.sh(`for unit in drawbridge drawbridge-server; do
        mkdir -p /run/systemd/system/$unit.service.d
        printf '[Service]\\nPrivateDevices=no\\nStandardError=append:/run/%s.log\\n' $unit > /run/systemd/system/$unit.service.d/here.conf
      done; echo '127.0.0.1 ${SERVER}' >> /etc/hosts; mkdir -p /root/guide
      hostname laptop; mkdir -p /run/user/0; cp /mnt/${folder}/*.deb /root/guide/`);
    return machine;
  }

  get pid(): number {
    return this.#root.pid;
  }

  /** Answers with what was said; throws where it failed, unless another exit code is all right, too. */
  sh(script: string, alsoRight: readonly number[] = []): string {
    const { code, out, err } = this.#root.run('/bin/sh', '-c', script);
    if (code !== 0 && !alsoRight.includes(code ?? -1))
      throw new Error(`${script} ended with ${code}: ${out}${err}`);
    return out;
  }

  /** Runs a line of the document, as root in the folder with the packages. Remembers what later lines ask for. */
  follow(command: string, alsoRight: readonly number[] = []): Shown {
    const filled = [...this.#stands].reduce((line, [word, value]) => line.replaceAll(word, value), command);
    const out = this.sh(`cd /root/guide && export FORCE_COLOR=1 COLUMNS=110 && ${filled}`, alsoRight);
    const [token] = /[\w-]{8,}\.[\w-]{16,}\.[\w-]{43}/.exec(out) ?? [];
    if (token !== undefined) this.#stands.set('…', token);
    return { command, out };
  }

  /** Until the agent is connected and has reported; later lines may name it. */
  async connected(): Promise<void> {
    const device = await this.soon('the agent to be connected', () => {
      const { out } = this.#root.run('/usr/bin/drawbridge', 'status', '--json');
      const status = out === '' ? null : (JSON.parse(out) as AgentStatus).status;
      return status?.connection.state === 'connected' ? status.device : null;
    });
    this.#stands.set('DEVICE', device);
    await this.soon('its first report', () => this.device()?.['access']);
  }

  /** What the server knows of the laptop. */
  device(): Record<string, unknown> | undefined {
    const ask = 'drawbridge-server devices --data /var/lib/drawbridge-server --json';
    const devices = JSON.parse(this.sh(`runuser -u drawbridge-server -- ${ask}`)) as Record<
      string,
      unknown
    >[];
    return devices[0];
  }

  async soon<T>(what: string, look: () => T | null | undefined | false): Promise<T> {
    const end = performance.now() + PATIENT_MS;
    while (performance.now() < end) {
      const found = look();
      if (found !== null && found !== undefined && found !== false) return found;
      await wait(300);
    }
    const log = this.sh('tail -n 20 /run/drawbridge.log || true');
    throw new Error(`not within ${PATIENT_MS / 1_000} s: ${what}\n${log}`);
  }

  /** The address at which the tray serves its page to root, who counts as logged in: what the browser would have been told. */
  page(command: string): Promise<string> {
    this.sh(`mkdir -p /run/browser && rm -f /run/browser/url
      printf '#!/bin/sh\\nprintf %%s "$1" > /run/browser/part && mv /run/browser/part /run/browser/url\\n' > /run/browser/open
      chmod 755 /run/browser/open; touch /usr/bin/xdg-open; umount /usr/bin/xdg-open 2>/dev/null
      mount --bind /run/browser/open /usr/bin/xdg-open
      cd / && LANG=en_GB.UTF-8 setsid dbus-run-session -- ${command} </dev/null >/run/browser/log 2>&1 &`);
    return this.soon('the page to be opened', () => {
      const { out } = this.#root.run('/bin/sh', '-c', 'cat /run/browser/url 2>/dev/null');
      return out === '' ? null : out;
    });
  }

  remove(): void {
    this.#root.remove();
  }
}

type AgentStatus = { status: { device: string; connection: { state: string } } | null };
