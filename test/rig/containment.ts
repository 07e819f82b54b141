import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon } from './node.ts';
import { addresses, type Rig } from './rig.ts';
import { type Agent, SELDOM } from './stack/agent.ts';
import { startGateway } from './stack/gateway.ts';
import { startManagedLaptop } from './stack/managed-laptop.ts';
import { startPlainLaptop } from './stack/plain-laptop.ts';
import { type OrderTimes, type Posture, startPosture } from './stack/posture.ts';
import { makeSecrets, type Secrets } from './stack/secrets.ts';

/** Which VPN software the laptop has. */
export type Software = 'plain' | 'networkmanager';

/** One session that an order ended, and the order that allowed it again: by then nothing of it can be left. */
export type Contained = { software: Software; denied: string; allowed: string };

export type Finding =
  | ({ kind: 'contained'; doneMs: number } & Contained)
  /** Torn down by hand. */
  | { kind: 'by hand'; software: Software; tookMs: number }
  /** A session that did not come up, or an order that failed. */
  | { kind: 'failed'; software: Software; why: string };

type Laptop = { connect(): Promise<string>; hangUp(): Promise<number> };
type Side = { software: Software; laptop: Laptop; agent: Agent; stop(): Promise<void> };

/**
 * The stream into the tunnel. A ping that nobody answers looks at the clock every ten milliseconds or so: together
 * these send some 140 packets a second.
 */
const PINGS = 3;
const INTERVAL_S = 0.016;

/** Milliseconds in which a denial is left alone: whoever asks about it takes the time that it needs. */
const UNASKED_MS: Record<Software, number> = { plain: 2_000, networkmanager: 3_000 };
const PCAP = 'stream.pcap';

/** Sessions that come up, are filled with a steady stream, and are ended by an order of the real server to a real agent. */
export class Containment {
  readonly #rig: Rig;
  readonly #secrets: Secrets;
  readonly #posture: Posture;
  readonly #capture: Daemon;

  private constructor(rig: Rig, secrets: Secrets, posture: Posture, capture: Daemon) {
    this.#rig = rig;
    this.#secrets = secrets;
    this.#posture = posture;
    this.#capture = capture;
  }

  static async start(rig: Rig): Promise<Containment> {
    const secrets = await makeSecrets();
    await rig.reset();
    // As the shipped policy has it.
    const posture = await startPosture(rig, secrets, { heartbeat: 30 });
    await posture.noteOrderTimes();
    const gateway = await startGateway(rig.node('gw'), secrets);
    await gateway.radius('open');
    // What is counted is what arrives: answers would only keep the emulated machine at encrypting them.
    await rig.node('corp').must('echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all');
    // Inside the company: what arrives here has come through the tunnel.
    const filter = `icmp[icmptype] == icmp-echo and dst host ${addresses.corp}`;
    const argv = `tcpdump -i corp -nn -s 64 -Z root -w /share/${PCAP}`.split(' ');
    const capture = await rig.guest.spawn('stream', [...argv, filter]);
    await capture.said('listening on');
    return new Containment(rig, secrets, posture, capture);
  }

  /** `count` sessions ended by an order, and one by hand before each fifth of them. */
  async *run(software: Software, count: number): AsyncGenerator<Finding> {
    if (count === 0) return;
    const side = await this.#side(software).catch((error: unknown) => failed(software, error));
    // The sessions of the other software are worth their report all the same.
    if ('kind' in side) return yield side;
    // Programs that have only just started are slow the first time; agents and servers in life have run for days.
    await tried(software, () => this.#contain(side));
    for (let number = 1; number <= count; number += 1) {
      if (number % 5 === 1) yield await tried(software, () => byHand(side));
      yield await tried(software, () => this.#contain(side));
    }
    await side.stop();
  }

  /** When what happened to the orders, by their ids: of the same clock as the stream. */
  times(): Promise<ReadonlyMap<string, OrderTimes>> {
    return this.#posture.orderTimes();
  }

  /** Ends the capture of everything that arrived, and answers with it. */
  async stream(): Promise<Buffer> {
    await this.#capture.signal('INT');
    await this.#rig.guest.waitFor(`test ! -d /proc/${this.#capture.pid}`);
    return readFileSync(join(this.#rig.folder, 'share', PCAP));
  }

  async #side(software: Software): Promise<Side> {
    const node = this.#rig.node(software === 'plain' ? 'lt' : 'lt2');
    const laptop =
      software === 'plain'
        ? await startPlainLaptop(node, this.#secrets)
        : await startManagedLaptop(node, this.#secrets, addresses.laptop2);
    const agent = await this.#posture.startAgent(node, SELDOM);
    return { software, laptop, agent, stop: () => agent.daemon.stop() };
  }

  async #contain({ software, laptop, agent }: Side): Promise<Finding> {
    await comeUp(laptop);
    const ended = await streaming(agent, () => orders(agent, UNASKED_MS[software]));
    return { kind: 'contained', software, ...ended };
  }
}

/** What ends a session finds it at work: the same stream goes through each, whoever ends it. */
async function streaming<T>({ node }: Agent, during: () => Promise<T>): Promise<T> {
  const ping = `setsid ping -n -q -i ${INTERVAL_S} ${addresses.corp} < /dev/null > /dev/null 2>&1 &`;
  await node.must(`${`${ping}\n`.repeat(PINGS)}sleep 1.5`);
  try {
    return await during();
  } finally {
    await node.exec('pkill -x ping');
  }
}

/** Denied, and allowed again whatever came of it: the next session needs that. */
async function orders(
  agent: Agent,
  unaskedMs: number,
): Promise<{ denied: string; allowed: string; doneMs: number }> {
  const denied = await agent.order('deny');
  const told = await agent.untilProven(denied, unaskedMs).catch(async (error: unknown) => {
    await agent.untilProven(await agent.order('allow'));
    throw error;
  });
  const allowed = await agent.order('allow');
  await agent.untilProven(allowed);
  return { denied, allowed, doneMs: Date.parse(told.doneAt ?? '') - Date.parse(told.issuedAt) };
}

/** What came up half must not stand in the next one's way. */
async function comeUp(laptop: Laptop): Promise<void> {
  try {
    await laptop.connect();
  } catch (error) {
    await laptop.hangUp().catch(() => {});
    throw error;
  }
}

async function byHand({ software, laptop, agent }: Side): Promise<Finding> {
  await comeUp(laptop);
  return { kind: 'by hand', software, tookMs: await streaming(agent, () => laptop.hangUp()) };
}

async function tried(software: Software, action: () => Promise<Finding>): Promise<Finding> {
  try {
    return await action();
  } catch (error) {
    return failed(software, error);
  }
}

function failed(software: Software, error: unknown): Finding & { kind: 'failed' } {
  const why = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', software, why: why.split('\n')[0]?.slice(0, 300) ?? '' };
}
