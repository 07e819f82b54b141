import { parseArgs } from 'node:util';
import { Containment, type Finding, type Software } from '../rig/containment.ts';
import { startRig } from '../rig/rig.ts';
import type { OrderTimes } from '../rig/stack/posture.ts';
import { packetTimes } from './pcap.ts';
import { percentile, ratio, type Bench, type BenchReport, type Goal, type Measure } from './report.ts';

const GOAL_CUT_MS = 250;
const GOAL_TIMES = 1.3;
const GOAL_MORE_MS = 300;
/** Packets a second that a stream has to have had for its last packet to mean anything. */
const LEAST_STREAM = 100;

/**
 * `npm run bench -- containment [--sessions N] [--nm N] [--minutes N]`: real tunnels in the rig, ended by orders of the
 * real server to a real agent, beside the same teardown by hand in the same run.
 */
export const bench: Bench = {
  what: 'Ending real tunnels by order, and by hand',
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        sessions: { type: 'string', default: '100' },
        nm: { type: 'string', default: '30' },
        minutes: { type: 'string', default: '60' },
      },
    });
    const started = performance.now();
    const findings: Finding[] = [];
    const rig = await startRig();
    try {
      const containment = await Containment.start(rig);
      const wanted: [Software, number][] = [
        ['plain', Number(values.sessions)],
        ['networkmanager', Number(values.nm)],
      ];
      for (const [software, count] of wanted)
        for await (const finding of containment.run(software, count)) {
          findings.push(finding);
          process.stderr.write(`${findings.length} ${software}: ${said(finding)}\n`);
          if (performance.now() - started > Number(values.minutes) * 60_000) break;
        }
      const seen = { orders: await containment.times(), packets: packetTimes(await containment.stream()) };
      return reportOf(wanted, findings, seen, performance.now() - started);
    } finally {
      await rig.stop();
    }
  },
};

function said(finding: Finding): string {
  if (finding.kind === 'failed') return `failed: ${finding.why}`;
  if (finding.kind === 'by hand') return `by hand ${finding.tookMs} ms`;
  return `done after ${finding.doneMs} ms`;
}

const NAMES: Record<Software, string> = {
  plain: 'strongSwan and xl2tpd',
  networkmanager: 'NetworkManager',
};

/** What was seen of all of them: times of orders by id, and when each packet arrived; milliseconds of one clock. */
type Seen = { orders: ReadonlyMap<string, OrderTimes>; packets: readonly number[] };

type Part = Pick<BenchReport, 'measures' | 'ratios' | 'goals' | 'notes'>;

function reportOf(
  wanted: readonly [Software, number][],
  findings: readonly Finding[],
  seen: Seen,
  tookMs: number,
): BenchReport {
  const parts = wanted
    .filter(([, count]) => count > 0)
    .map(([software, count]) => partOf(software, count, findings, seen));
  return {
    measures: [
      ...parts.flatMap(({ measures }) => measures),
      { what: 'time', value: tookMs / 1_000, unit: 's' },
    ],
    ratios: parts.flatMap(({ ratios }) => ratios),
    goals: parts.flatMap(({ goals }) => goals),
    notes: [
      ...parts.flatMap(({ notes }) => notes),
      'The first session of each is not counted.',
      'Server, gateway, company and laptops share one emulated machine, and with it one clock: starting a program takes about ten times as long as on the machine below it.',
    ],
  };
}

function partOf(software: Software, wanted: number, findings: readonly Finding[], seen: Seen): Part {
  const name = NAMES[software];
  const sessions = findings.flatMap((one) =>
    one.kind === 'contained' && one.software === software ? [sessionOf(one, seen)] : [],
  );
  const byHand = findings.flatMap((one) =>
    one.kind === 'by hand' && one.software === software ? [one.tookMs] : [],
  );
  const failed = findings.flatMap((one) =>
    one.kind === 'failed' && one.software === software ? [one.why] : [],
  );
  const thin = sessions.filter(({ rate }) => rate < LEAST_STREAM).length;
  const cut = percentiles(`${name}: order to last packet`, sessions.filter(({ rate }) => rate > 0).map(({ lastMs }) => lastMs)); // prettier-ignore
  // The receipt is signed, and says what was seen after acting; a report of its own confirms it a moment later.
  const received = percentiles(`${name}: order to receipt`, sessions.map(({ receivedMs }) => receivedMs)); // prettier-ignore
  const proven = percentiles(`${name}: order to the report after it`, sessions.map(({ provenMs }) => provenMs)); // prettier-ignore
  const hand = percentiles(`${name}: by hand`, byHand);
  return {
    measures: [
      ...[cut, received, proven, hand].flatMap(({ p50, p95, p99 }) => [p50, p95, p99]),
      { what: `${name}: sessions ended by order`, value: sessions.length, unit: '' },
      { what: `${name}: sessions ended by hand`, value: byHand.length, unit: '' },
      { what: `${name}: sessions that did not come up or were not ended`, value: failed.length, unit: '' },
      { what: `${name}: slowest stream`, value: Math.min(...sessions.map(({ rate }) => rate)), unit: '1/s' },
    ],
    ratios: [
      ratio(`${name}: median`, received.p50, hand.p50),
      ratio(`${name}: 99 of 100`, received.p99, hand.p99),
    ],
    goals: [
      goal(`${name}: last packet, 99 of 100`, cut.p99, GOAL_CUT_MS),
      goal(`${name}: receipt, median`, received.p50, hand.p50.value * GOAL_TIMES + GOAL_MORE_MS),
      goal(`${name}: receipt, 99 of 100`, received.p99, hand.p99.value * GOAL_TIMES + GOAL_MORE_MS),
      {
        what: `${name}: sessions ended by order`,
        goal: `${wanted}, each with ${LEAST_STREAM} packets a second`,
        value: `${sessions.length}, ${thin} with fewer`,
        met: sessions.length === wanted && thin === 0,
      },
    ],
    notes: failed.map((why) => `${name}: ${why}`),
  };
}

/** Packets in the second before the order; and how long after it the last one arrived and its end was told (ms). */
function sessionOf({ denied, allowed }: { denied: string; allowed: string }, { orders, packets }: Seen) {
  const [deny, allow] = [orders.get(denied), orders.get(allowed)];
  if (deny === undefined || allow === undefined) throw new Error('the server has not noted the times');
  const { orderedAt, receivedAt, provenAt } = deny;
  const own = packets.filter((time) => time > orderedAt - 1_000 && time < allow.orderedAt);
  return {
    rate: own.filter((time) => time <= orderedAt).length,
    lastMs: Math.max(...own) - orderedAt,
    receivedMs: receivedAt - orderedAt,
    provenMs: provenAt - orderedAt,
  };
}

type Percentiles = { p50: Measure; p95: Measure; p99: Measure };

function percentiles(what: string, values: readonly number[]): Percentiles {
  const at = (p: number): Measure => ({
    what: `${what}, p${p * 100}`,
    value: percentile(values, p),
    unit: 'ms',
  });
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function goal(what: string, { value }: Measure, limitMs: number): Goal {
  const shown = (ms: number) => `${ms.toFixed(0)} ms`;
  return { what, goal: `≤ ${shown(limitMs)}`, value: shown(value), met: value <= limitMs };
}
