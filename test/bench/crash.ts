import { crashRounds } from '../support/crash-rounds.ts';
import type { Bench } from './report.ts';

const DEFAULT_ROUNDS = 1_000;

/** `npm run bench -- crash [ROUNDS]`: kill -9 under load; what was acknowledged has to be there, once. */
export const bench: Bench = {
  what: 'Killing the server with -9 under load, again and again',
  async run([rounds]) {
    const started = performance.now();
    const result = await crashRounds(Number(rounds ?? DEFAULT_ROUNDS), 0);
    const none = (what: string, value: number) => ({
      what,
      goal: '0',
      value: String(value),
      met: value === 0,
    });
    return {
      measures: [
        { what: 'rounds', value: result.rounds, unit: '' },
        { what: 'reports acknowledged', value: result.acknowledged, unit: '' },
        { what: 'reports sent again after a kill', value: result.resent, unit: '' },
        { what: 'time', value: (performance.now() - started) / 1_000, unit: 's' },
      ],
      ratios: [],
      goals: [
        none('acknowledged reports lost', result.lost),
        none('reports stored twice', result.twice),
        none('alarms raised by honest devices', result.alarms),
      ],
      notes: [],
    };
  },
};
