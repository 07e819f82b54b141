import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_JS, type RigNode } from '../rig/node.ts';
import { addresses, type Rig, startRig } from '../rig/rig.ts';
import { type Gateway, startGateway } from '../rig/stack/gateway.ts';
import { startHelper } from '../rig/stack/helper.ts';
import { type PlainLaptop, startPlainLaptop } from '../rig/stack/plain-laptop.ts';
import type { Agent } from '../rig/stack/agent.ts';
import { type Posture, startPosture } from '../rig/stack/posture.ts';
import { makeSecrets } from '../rig/stack/secrets.ts';
import { percentile, type BenchReport } from './report.ts';

/** The bridge goes up within a second. */
const GOAL_MS = 1_000;

type Stack = { rig: Rig; posture: Posture; gateway: Gateway; laptop: PlainLaptop; agent: Agent };

/**
 * A laptop in a real tunnel sends a packet every 10 ms. A signed webhook about it reaches the posture server, and what
 * counts is the last of its packets that is seen inside the company. All clocks are the guest's one.
 */
export async function measureInRig(sessions: number): Promise<BenchReport> {
  const started = performance.now();
  const rig = await startRig();
  const cuts: number[] = [];
  const gatewayCuts: number[] = [];
  try {
    const stack = await startStack(rig);
    // Not counted: what has only just started is slow the first time.
    for (const isAlone of [false, true]) await cutOnce(stack, isAlone);
    for (let session = 0; session < sessions; session += 1) {
      // Every third time the laptop's agent is stopped: the gateway is alone then.
      const isAlone = session % 3 === 2;
      const ms = await cutOnce(stack, isAlone);
      (isAlone ? gatewayCuts : cuts).push(ms);
      process.stderr.write(`${session + 1}: ${ms.toFixed(0)} ms${isAlone ? ' by the gateway alone' : ''}\n`);
    }
  } finally {
    await rig.stop();
  }
  return reportOf(cuts, gatewayCuts, (performance.now() - started) / 1_000);
}

async function startStack(rig: Rig): Promise<Stack> {
  const secrets = await makeSecrets();
  await rig.reset();
  const posture = await startPosture(rig, secrets, {}, () => {}, { helper: true });
  const gateway = await startGateway(rig.node('gw'), secrets, { helper: true });
  const helper = startHelper(gateway.node);
  await gateway.radius('gate');
  await helper;
  const laptop = await startPlainLaptop(rig.node('lt'), secrets);
  const agent = await posture.startAgent(laptop.node);
  await rig
    .node('srv')
    .write({ [SENDER]: readFileSync(join(import.meta.dirname, 'signal-sender.mjs'), 'utf8') });
  return { rig, posture, gateway, laptop, agent };
}

const SENDER = '/opt/signal-sender.mjs';
const SEEN = '/run/inside.txt';

/** Milliseconds from the webhook's last byte to the last packet of the laptop's inside the company. */
async function cutOnce({ rig, posture, gateway, laptop, agent }: Stack, isAlone: boolean): Promise<number> {
  await laptop.connect();
  await rig.guest.must(
    `tcpdump -i corp -nn -tt -l -Z root 'icmp and dst ${addresses.corp}' > ${SEEN} 2> /dev/null & echo $! > /run/inside.pid`,
  );
  await laptop.node.must(`setsid ping -i 0.01 -q ${addresses.corp} < /dev/null > /dev/null 2>&1 &`);
  await rig.guest.waitFor(`[ $(wc -l < ${SEEN}) -gt 50 ]`, 30);
  if (isAlone) await agent.daemon.signal('STOP');
  const sent = await send(rig.node('srv'), posture, agent.device);
  await gateway.node.waitFor('! ls -d /sys/class/net/ppp*', 60);
  await laptop.node.exec('pkill ping');
  await rig.guest.exec('kill $(cat /run/inside.pid); sleep 0.3');
  // When it ends, tcpdump writes an empty line.
  const last = Number((await rig.guest.must(`grep . ${SEEN} | tail -n 1`)).split(' ')[0]) * 1_000;
  await heal({ posture, laptop, agent }, isAlone);
  return last - sent;
}

/** Sent by a program that waits with everything ready; answers with the moment of its last byte. */
async function send(server: RigNode, posture: Posture, device: string): Promise<number> {
  const webhook = posture.webhook(device, 'open');
  const said = await server.must([NODE_JS, SENDER], { stdin: JSON.stringify(webhook) });
  const { sent, status } = JSON.parse(said) as { sent: number; status: number };
  if (status !== 200) throw new Error(`the webhook was answered with ${status}`);
  return sent;
}

async function heal(
  { posture, laptop, agent }: Pick<Stack, 'posture' | 'laptop' | 'agent'>,
  wasStopped: boolean,
): Promise<void> {
  if (wasStopped) await agent.daemon.signal('CONT');
  await agent.untilOrdered('deny');
  await posture.signal(agent.device, 'closed');
  await agent.untilOrdered('allow');
  await laptop.hangUp();
}

function reportOf(cuts: number[], alone: number[], seconds: number): BenchReport {
  const both = (what: string, values: number[]) =>
    [0.5, 0.99].map((p) => ({ what: `${what}, p${p * 100}`, value: percentile(values, p), unit: 'ms' }));
  const worst = percentile(cuts, 0.99);
  return {
    measures: [
      { what: 'sessions cut by laptop and gateway', value: cuts.length, unit: '' },
      ...both('webhook’s last byte to the tunnel’s last packet', cuts),
      { what: 'sessions cut by the gateway alone', value: alone.length, unit: '' },
      ...both('the same with the laptop’s agent stopped', alone),
      { what: 'time', value: seconds, unit: 's' },
    ],
    ratios: [],
    goals: [
      {
        what: 'p99 to the last packet',
        goal: `${GOAL_MS} ms`,
        value: `${worst.toFixed(0)} ms`,
        met: worst <= GOAL_MS,
      },
    ],
    notes: [
      'One emulated machine without hardware help runs the server, the gateway, FreeRADIUS and the laptop on two processors: everything in it takes many times as long as on the machine below it.',
    ],
  };
}
