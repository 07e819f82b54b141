import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { macos } from '../../collectors/macos.ts';
import { specs, type CheckId, type Fact } from '../../collectors/specs.ts';
import { replayHost, type Recording } from '../../src/agent/replay.ts';
import type { Observed } from '../../src/base/reading.ts';
import { loadCases, loadRecording } from '../conformance/cases.ts';
import { cpuTimer } from '../support/cpu-time.ts';

const fixtures = join(import.meta.dirname, '..', 'fixtures');

type Sample = { id: string; check: CheckId; recording: Recording };

const samples = readdirSync(fixtures)
  .map((check) => join(fixtures, check, 'macos'))
  .filter((folder) => readdirSync(join(folder, '..')).includes('macos'))
  .flatMap((folder) =>
    loadCases(folder).map((one): Sample => ({
      id: one.id,
      check: one.check,
      recording: loadRecording(one, folder),
    })),
  );

/** What a rule would be pleased to see. No damage to an answer may bring it about. */
const pleases: { [Id in CheckId]?: (fact: Fact<Id>) => boolean } = {
  'os-patch': (fact) => fact.pending === 0,
  'disk-encryption': (fact) => fact.system === 'encrypted',
  antivirus: (fact) => fact.active !== null,
  detections: (fact) => fact.open.length === 0,
  firewall: (fact) => fact.state === 'on',
  'screen-lock': (fact) => fact.users.every((user) => user.enabled === true && user.idleSeconds !== 0),
  'secure-boot': (fact) => fact.secureBoot === 'on' && fact.sip === true,
  'l2tp-server': (fact) => fact.verdict !== 'server',
  'vpn-client': (fact) => fact.profiles.every((profile) => profile.ipsec !== false),
};

async function readFrom(check: CheckId, recording: Recording): Promise<Observed<unknown>> {
  const answer = await macos[check](replayHost(recording));
  if (answer.state === 'known') expect(specs[check].fact.safeParse(answer.fact).error).toBeUndefined();
  return answer;
}

function isPleasing(check: CheckId, answer: Observed<unknown>): boolean {
  const judge = pleases[check] as ((fact: unknown) => boolean) | undefined;
  return answer.state === 'known' && judge?.(answer.fact) === true;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The same machine with every answer and file passed through `change`. */
function changed(recording: Recording, change: (text: string) => string): Recording {
  return {
    ...recording,
    commands: recording.commands.map((one) => ({
      ...one,
      stdout: change(one.stdout),
      stderr: change(one.stderr),
    })),
    files: new Map(
      [...recording.files].map(([path, bytes]) => [path, new TextEncoder().encode(change(decode(bytes)))]),
    ),
  };
}

/** What the machine's answers are worth when the programs say nothing at all. */
async function silence(check: CheckId, recording: Recording): Promise<Observed<unknown>> {
  return readFrom(
    check,
    changed(recording, () => ''),
  );
}

function factOf(answer: Observed<unknown>): unknown {
  return answer.state === 'known' ? answer.fact : answer.state;
}

const isStructured = (text: string) => /^\s*[<{[]/.test(text);

describe('damaged answers of a Mac', () => {
  test('there are samples of every check that has captures', () => {
    const checks = new Set(samples.map(({ check }) => check));
    expect(Object.keys(pleases).filter((check) => !checks.has(check as CheckId))).toEqual([]);
  });

  test.each(samples)('$id: half a list or document counts as none', async ({ check, recording }) => {
    for (const whole of new Set(texts(recording).filter(isStructured))) {
      const replaced = (by: string) =>
        readFrom(
          check,
          changed(recording, (text) => (text === whole ? by : text)),
        );
      const without = factOf(await replaced(''));
      for (const half of beginnings(whole.trimEnd())) expect(factOf(await replaced(half))).toEqual(without);
    }
  });

  test.each(samples)('$id: cut off at any line, it is still an answer', async ({ check, recording }) => {
    for (const whole of new Set(texts(recording))) {
      for (const half of ['', ...beginnings(whole)]) {
        const cut = changed(recording, (text) => (text === whole ? half : text));
        expect((await readFrom(check, cut)).state).toMatch(/known/);
      }
    }
  });

  test.each(samples)('$id: UTF-16 in place of UTF-8 says nothing', async ({ check, recording }) => {
    expect(factOf(await readFrom(check, changed(recording, utf16)))).toEqual(
      factOf(await silence(check, recording)),
    );
  });

  test.each(samples)('$id: Latin-1, and ten times the size', async ({ check, recording }) => {
    for (const change of [latin1, tenfold]) {
      expect((await readFrom(check, changed(recording, change))).state).toMatch(/known/);
    }
  });

  test.each(samples)('$id: endless repetition is looked through in time', async ({ check, recording }) => {
    for (const piece of [' ', '(', '"', '\\', '<a', '\n', 'a:1 ', '* ', '- 0 ']) {
      const long = piece.repeat(100_000 / piece.length);
      const spent = cpuTimer();
      // In place of each answer, and after its own beginning.
      await readFrom(
        check,
        changed(recording, () => long),
      );
      await readFrom(
        check,
        changed(recording, (text) => text.slice(0, 200) + long),
      );
      expect(spent()).toBeLessThan(2_000);
    }
  });

  test.each(samples)('$id: another language pleases nobody', async ({ check, recording }) => {
    const answers = [
      await readFrom(check, recording),
      // What is not in words still stands.
      await readFrom(
        check,
        changed(recording, (text) => (isStructured(text) ? text : '')),
      ),
    ];
    const pleased = answers.some((answer) => isPleasing(check, answer));
    const translated = await readFrom(check, changed(recording, german));
    expect(isPleasing(check, translated) && !pleased).toBe(false);
  });

  test.each(samples)('$id: noise pleases nobody', async ({ check, recording }) => {
    const quiet = isPleasing(check, await silence(check, recording));
    await fc.assert(
      fc.asyncProperty(noise, async (text) => {
        const answer = await readFrom(
          check,
          changed(recording, () => text),
        );
        expect(isPleasing(check, answer)).toBe(quiet);
      }),
      { numRuns: 15 },
    );
  });
});

const noise = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 2_000 }),
  fc.json(),
  fc
    .array(fc.constantFrom('{', '}', '(', ')', '<dict>', '<key>a</key>', '"', '=', ';', '\n', ' : '), {
      maxLength: 200,
    })
    .map((parts) => parts.join('')),
);

function texts(recording: Recording): string[] {
  const files = [...recording.files.values()].map(decode);
  return [...recording.commands.flatMap((one) => [one.stdout, one.stderr]), ...files];
}

/** The text cut off after each of its lines but the last. */
function beginnings(text: string): string[] {
  const lines = text.split('\n');
  return lines.slice(1).map((_line, index) => lines.slice(0, index + 1).join('\n'));
}

function utf16(text: string): string {
  return decode(Buffer.from(text, 'utf16le'));
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function tenfold(text: string): string {
  return text.repeat(10);
}

const WORDS: Record<string, string> = {
  On: 'Ein',
  Off: 'Aus',
  on: 'ein',
  off: 'aus',
  Yes: 'Ja',
  No: 'Nein',
  yes: 'ja',
  no: 'nein',
  enabled: 'aktiviert',
  disabled: 'deaktiviert',
  immediate: 'sofort',
  Connected: 'Verbunden',
  Running: 'Läuft',
  loaded: 'geladen',
};

function german(text: string): string {
  return text.replace(/\b[A-Za-z]+\b/g, (word) => WORDS[word] ?? word);
}
