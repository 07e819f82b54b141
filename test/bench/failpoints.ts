import { CrashRounds, type Round } from '../rig/vpn-crash.ts';
import { startRig } from '../rig/rig.ts';
import type { Bench } from './report.ts';

/** `npm run bench -- failpoints [SCENARIO]`: kill -9 at every failpoint of the Linux VPN driver, in the rig. */
export const bench: Bench = {
  what: 'Killing the VPN driver with -9 at every failpoint',
  async run([only]) {
    const started = performance.now();
    const done: Round[] = [];
    const rig = await startRig();
    try {
      const rounds = await CrashRounds.start(rig);
      const limit = (scenario: string) => (only === undefined || only === scenario ? Infinity : 0);
      for await (const round of rounds.run(limit)) {
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
