import { expect, test } from 'vitest';
import { crashRounds } from '../support/crash-rounds.ts';

test(
  '50 times killed with -9 under load: nothing acknowledged is lost, nothing is stored twice',
  { timeout: 300_000 },
  async () => {
    const result = await crashRounds(50, 0);
    expect(result).toMatchObject({ rounds: 50, lost: 0, twice: 0, alarms: 0 });
    // The test says something only if reports were acknowledged and some were cut off.
    expect(result.acknowledged).toBeGreaterThan(100);
    expect(result.resent).toBeGreaterThan(5);
  },
);
