import { describe, expect, test } from 'vitest';
import { setRecovery } from '../../src/agent/service/recovery.ts';
import { sc } from '../../src/base/commands.ts';
import type { Command } from '../../src/base/commands.ts';

/** A service manager that answers every word with `code`, and what it was told. */
function manager(code: number) {
  const told: { command: Command; argv: readonly string[] }[] = [];
  const run = async (command: Command, argv: readonly string[]) => {
    told.push({ command, argv });
    return { code, failure: null, stdout: '', stderr: '' };
  };
  const warned: unknown[] = [];
  return { told, warned, asking: { run }, log: { warn: (what: unknown) => warned.push(what) } };
}

describe('a service of Windows that has failed', () => {
  test('comes back after 5, 30 and then always 60 seconds, also when it ended with an error', async () => {
    const { told, warned, asking, log } = manager(0);
    await setRecovery('Drawbridge', log, asking);
    expect(told.every(({ command }) => command === sc)).toBe(true);
    // The equals sign belongs to the word before it, and its value is a word of its own: sc.exe takes nothing else.
    expect(told.map(({ argv }) => argv)).toEqual([
      ['failure', 'Drawbridge', 'reset=', '86400', 'actions=', 'restart/5000/restart/30000/restart/60000'],
      ['failureflag', 'Drawbridge', '1'],
    ]);
    expect(warned).toEqual([]);
  });

  test('whose manager takes neither word is warned of, each by itself', async () => {
    const { told, warned, asking, log } = manager(5);
    await setRecovery('Drawbridge', log, asking);
    expect(told).toHaveLength(2);
    expect(warned).toMatchObject([{ code: 5 }, { code: 5 }]);
  });
});
