import { type Choose, CrashRounds, type Round } from '../rig/vpn-crash.ts';
import { startRig } from '../rig/rig.ts';
import type { Bench } from './report.ts';

/**
 * `npm run bench -- failpoints [SCENARIO[:FROM-TO] …]`: kill -9 at every failpoint of the Linux VPN driver and of the
 * agent's hold, or at those of the scenarios that are named (`"set and up:1-12"`), in the rig.
 */
export const bench: Bench = {
  what: 'Killing the VPN driver with -9 at every failpoint',
  async run(parts) {
    const choose = chosenBy(parts);
    const started = performance.now();
    const done: Round[] = [];
    const rig = await startRig();
    try {
      const rounds = await CrashRounds.start(rig);
      for await (const round of rounds.run(choose)) {
        done.push(round);
        const verdict = round.violations.length === 0 ? 'ok' : round.violations.join('; ');
        process.stderr.write(`${round.scenario}: ${round.point}: ${verdict}\n`);
      }
    } finally {
      await rig.stop();
    }
    const wrong = done.filter(({ violations }) => violations.length > 0);
    return {
      measures: [
        { what: 'failpoints', value: done.length, unit: '' },
        { what: 'time', value: (performance.now() - started) / 1_000, unit: 's' },
      ],
      ratios: [],
      goals: [
        {
          what: 'violations',
          goal: '0',
          value: String(wrong.length),
          met: done.length > 0 && wrong.length === 0,
        },
      ],
      notes: wrong.map(
        ({ scenario, point, violations }) => `${scenario}, ${point}: ${violations.join('; ')}`,
      ),
    };
  },
};

/** Nothing named: everything. Throws on what is no range. */
function chosenBy(parts: readonly string[]): Choose {
  const ranges = new Map(parts.map(rangeIn));
  return (scenario) => {
    const range = ranges.size === 0 ? EVERYTHING : ranges.get(scenario);
    if (range === undefined) return null;
    return (count) => Array.from({ length: count }, (_, at) => at + 1).filter((one) => isIn(one, range));
  };
}

type Range = { from: number; to: number };

const EVERYTHING: Range = { from: 1, to: Infinity };

function isIn(number: number, { from, to }: Range): boolean {
  return number >= from && number <= to;
}

function rangeIn(part: string): [string, Range] {
  const [, scenario = '', from, to] = /^([^:]+)(?::(\d+)-(\d+))?$/.exec(part) ?? [];
  if (scenario === '') throw new Error(`${part} is not of the form SCENARIO or SCENARIO:FROM-TO`);
  return [scenario, from === undefined ? EVERYTHING : { from: Number(from), to: Number(to) }];
}
