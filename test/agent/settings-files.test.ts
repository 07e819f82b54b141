import { rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { settingsFiles, whenChanged } from '../../src/agent/settings-files.ts';
import { temporaryFolder } from './harness.ts';

/** A file that has lain there for a while, and looks at it that count. */
async function watched() {
  const folder = await temporaryFolder();
  const file = join(folder, 'agent.yaml');
  await writeFile(file, 'one');
  let looks = 0;
  let later = 0;
  const clock = { now: () => Date.now() + later };
  const files = [file, join(folder, 'missing.yaml')];
  const look = whenChanged({ files, look: async () => (looks += 1), clock });
  return { folder, file, look, pass: () => void (later += 60_000) };
}

describe('settings', () => {
  test('are read again only when a file has changed, whatever its size and times say', async () => {
    const { folder, file, look, pass } = await watched();
    // Just written, it may be written again within the same tick of the clock.
    expect([await look(), await look()]).toEqual([1, 2]);
    pass();
    expect([await look(), await look(), await look()]).toEqual([3, 3, 3]);
    await writeFile(file, 'two');
    await utimes(file, 0, 0);
    expect(await look()).toBe(4);
    pass();
    expect([await look(), await look()]).toEqual([4, 4]);
    await rename(file, join(folder, 'missing.yaml'));
    expect(await look()).toBe(5);
  });

  test('that were read at the start are not read again while their files are what they were then', async () => {
    const file = join(await temporaryFolder(), 'agent.yaml');
    await writeFile(file, 'one');
    const watch = (at: number) =>
      whenChanged({ files: [file], look: async () => 'anew', first: { seen: 'at the start', at }, clock });
    let now = Date.now() + 60_000;
    const clock = { now: () => now };
    const [look, early] = [watch(now), watch(Date.now() - 60_000)];
    expect([await look(), await look()]).toEqual(['at the start', 'at the start']);
    // It may have been written between the start and here.
    expect(await early()).toBe('anew');
    await writeFile(file, 'two');
    now += 60_000;
    expect(await look()).toBe('anew');
  });

  test('are read again after a look that failed', async () => {
    let looks = 0;
    const look = whenChanged({
      files: [],
      async look() {
        looks += 1;
        if (looks === 1) throw new Error('not now');
        return looks;
      },
    });
    await expect(look()).rejects.toThrow('not now');
    expect([await look(), await look()]).toEqual([2, 2]);
  });

  test('are always read where they do not lie in files', async () => {
    let looks = 0;
    const whose = { platform: 'windows', configFile: 'agent.yaml', stateDir: '.' } as const;
    const look = whenChanged({ files: settingsFiles(whose), look: async () => (looks += 1) });
    expect([await look(), await look()]).toEqual([1, 2]);
  });
});
