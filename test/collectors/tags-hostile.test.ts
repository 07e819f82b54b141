import fc from 'fast-check';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Host, Output } from '../../collectors/check.ts';
import { linux } from '../../collectors/linux.ts';
import { macos } from '../../collectors/macos.ts';
import { specs } from '../../collectors/specs.ts';
import { windows } from '../../collectors/windows.ts';
import { replayHost } from '../../src/agent/replay.ts';
import { loadCases, loadRecording } from '../conformance/cases.ts';

const readers = { linux: linux.tags, macos: macos.tags, windows: windows.tags };
const fixtures = join(import.meta.dirname, '..', 'fixtures', 'tags');

const machines = Object.entries(readers).flatMap(([os, read]) => {
  const folder = join(fixtures, os);
  if (!existsSync(folder)) throw new Error(`${folder} is missing`);
  return loadCases(folder).map((one) => ({ id: one.id, read, host: replayHost(loadRecording(one, folder)) }));
});

async function factOf(read: (host: Host) => Promise<unknown>, host: Host) {
  return specs.tags.fact.parse(((await read(host)) as { fact: unknown }).fact);
}

const spoiled = (host: Host, output: Output): Host => ({ ...host, run: async () => output });

describe('tags', () => {
  test.each(machines)('$id: what could not be asked is neither yes nor no', async ({ read, host }) => {
    const failures = ['timeout', 'denied', 'flood', 'signal'] as const;
    for (const failure of failures) {
      const whole = await factOf(read, host);
      const fact = await factOf(read, spoiled(host, { stdout: '', stderr: '', code: null, failure }));
      const answered = Object.entries(host.questions.tags).filter(
        ([, question]) => question.file === undefined && question.plist === undefined,
      );
      for (const [tag] of answered) expect(fact[tag], `${tag}: ${failure}`).toHaveProperty('unknown');
      for (const tag of Object.keys(whole)) expect(fact).toHaveProperty(tag);
    }
  });

  test.each(machines)(
    '$id: no text whatever makes anything but yes, no or unknown',
    async ({ read, host }) => {
      const text = fc.oneof(
        fc.string({ maxLength: 300 }),
        fc.constantFrom(
          'installed\t',
          'STATE : 4 RUNNING',
          'HKEY_\r\n    DisplayName    REG_SZ    ',
          '<plist>',
        ),
      );
      await fc.assert(
        fc.asyncProperty(text, fc.integer({ min: 0, max: 255 }), async (stdout, code) => {
          await factOf(read, spoiled(host, { stdout, stderr: stdout, code, failure: null }));
        }),
        { numRuns: 20 },
      );
    },
  );
});
