import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Questions } from '../../collectors/check.ts';
import { linux } from '../../collectors/linux.ts';
import { loadHosts } from '../../src/agent/open-host.ts';
import { systemClock } from '../../src/base/clock.ts';
import { self } from './windows-machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'drawbridge-questions-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('each cycle asks what the policy asks by then, of this very machine', async () => {
  const file = join(folder, 'banner');
  writeFileSync(file, 'hello\n');
  let asked: Questions = { watch: [], tags: {} };
  const openCycle = (await loadHosts('linux'))({
    self: () => self,
    questions: () => asked,
    cacheFolder: folder,
    clock: systemClock,
    updates: { everyMs: 1_000, atStartMs: 1_000, patience: 'go-on' },
  });
  const { signal } = new AbortController();
  const host = () => openCycle('full', signal).openHost(signal);
  expect(await linux.tags(host())).toMatchObject({ state: 'unknown', why: 'not-applicable' });
  expect(await linux.processes(host())).toEqual({ state: 'known', fact: { matches: [] } });

  const executable = basename(process.execPath);
  asked = {
    watch: [
      { rule: 'runtime', executable },
      { rule: 'absent', executable: 'no-such-program' },
    ],
    tags: {
      there: { file: { path: file } },
      same: {
        file: { path: file, sha256: '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03' },
      },
      gone: { file: { path: join(folder, 'none') } },
    },
  };
  expect(await linux.tags(host())).toEqual({
    state: 'known',
    fact: { there: true, same: true, gone: false },
  });
  const running = await linux.processes(host());
  // Where the container hides other users' processes that is what it says; it never passes for "not running".
  if (running.state === 'unknown') expect(running.why).toBe('denied');
  else expect(running.fact.matches).toMatchObject([{ rule: 'runtime' }]);
});
