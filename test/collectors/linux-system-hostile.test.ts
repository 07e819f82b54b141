import fc from 'fast-check';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { linux } from '../../collectors/linux.ts';
import { specs, type CheckId, type Fact } from '../../collectors/specs.ts';
import { replayHost, type Recording } from '../../src/agent/replay.ts';
import type { Observed } from '../../src/base/reading.ts';
import { loadCases, loadRecording } from '../conformance/cases.ts';
import { cpuTimer } from '../support/cpu-time.ts';

const CHECKS = ['os-version', 'os-patch', 'disk-encryption', 'l2tp-server', 'agent'] as const;
type Check = (typeof CHECKS)[number];

type Sample = { id: string; check: Check; recording: Recording };

const samples = CHECKS.flatMap((check): Sample[] => {
  const folder = join(import.meta.dirname, '..', 'fixtures', check, 'linux');
  return loadCases(folder).map((one) => ({ id: one.id, check, recording: loadRecording(one, folder) }));
});

/** What somebody would like to see, each by itself. No damage to an answer may bring one about. */
const wishes: { [Id in Check]: Record<string, (fact: Fact<Id>) => boolean> } = {
  'os-version': { 'is supported for ever': (fact) => (fact.endOfSupport ?? '') > '2030' },
  'os-patch': {
    'nothing pending': (fact) => fact.pending === 0,
    'no security update pending': (fact) => fact.pendingSecurity === 0,
    'no restart due': (fact) => fact.rebootRequired === false,
    automatic: (fact) => fact.automatic === 'on',
  },
  'disk-encryption': { encrypted: (fact) => fact.system === 'encrypted' },
  'l2tp-server': {},
  agent: {},
};

async function readFrom(check: CheckId, recording: Recording): Promise<Observed<unknown>> {
  const answer = await linux[check](replayHost(recording));
  if (answer.state === 'known') expect(specs[check].fact.safeParse(answer.fact).error).toBeUndefined();
  return answer;
}

function granted(check: Check, answer: Observed<unknown>): string[] {
  if (answer.state !== 'known') return [];
  const all = wishes[check] as Record<string, (fact: unknown) => boolean>;
  return Object.keys(all).filter((wish) => all[wish]?.(answer.fact));
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

function textsOf({ commands, files }: Recording): string[] {
  const printed = commands.flatMap(({ stdout, stderr }) => [stdout, stderr]);
  return [...new Set([...printed, ...[...files.values()].map(decode)])];
}

/** The text cut off after each of its lines but the last. */
function beginnings(text: string): string[] {
  const lines = text.split('\n');
  return lines.slice(1).map((_, index) => lines.slice(0, index + 1).join('\n'));
}

const isDocument = (text: string) => /^\s*(?:[{[]|<\?xml)/.test(text);
const isSimulation = (text: string) => /^\d+ upgraded, /m.test(text);

describe('damaged answers of a Linux system', () => {
  test.each(samples)('$id: cut off anywhere, it is still an answer', async ({ check, recording }) => {
    for (const whole of textsOf(recording)) {
      for (const half of ['', ...beginnings(whole)]) {
        const cut = changed(recording, (text) => (text === whole ? half : text));
        expect((await readFrom(check, cut)).state).toMatch(/known/);
      }
    }
  });

  test.each(samples)('$id: half a document grants no wish', async ({ check, recording }) => {
    const before = granted(check, await readFrom(check, recording));
    for (const whole of textsOf(recording).filter((text) => isDocument(text) || isSimulation(text))) {
      for (const half of ['', ...beginnings(whole.trimEnd())]) {
        const cut = changed(recording, (text) => (text === whole ? half : text));
        expect(before).toEqual(expect.arrayContaining(granted(check, await readFrom(check, cut))));
      }
    }
  });

  test.each(samples)('$id: in another encoding, or ten times over', async ({ check, recording }) => {
    const before = granted(check, await readFrom(check, recording));
    const changes: ((text: string) => string)[] = [
      (text) => decode(Buffer.from(text, 'utf16le')),
      (text) => decode(Buffer.from(`${text}äöü`, 'latin1')),
      (text) => text.repeat(10),
    ];
    for (const change of changes) {
      const after = granted(check, await readFrom(check, changed(recording, change)));
      expect(before).toEqual(expect.arrayContaining(after));
    }
  });

  test.each(samples)('$id: in another language', async ({ check, recording }) => {
    const before = granted(check, await readFrom(check, recording));
    const after = granted(check, await readFrom(check, changed(recording, german)));
    expect(before).toEqual(expect.arrayContaining(after));
  });

  test.each(samples)('$id: noise grants no wish', async ({ check, recording }) => {
    const silent = granted(
      check,
      await readFrom(
        check,
        changed(recording, () => ''),
      ),
    );
    await fc.assert(
      fc.asyncProperty(noise, async (text) => {
        const after = granted(
          check,
          await readFrom(
            check,
            changed(recording, () => text),
          ),
        );
        expect(silent).toEqual(expect.arrayContaining(after));
      }),
      { numRuns: 20 },
    );
  });

  test.each(samples)('$id: endless repetition is looked through in time', async ({ check, recording }) => {
    for (const piece of [' ', '(', '"', '\\', '\n', 'a=', '[x]', 'Inst a [1] (', '|-', '<update a="']) {
      const long = piece.repeat(60_000 / piece.length);
      const spent = cpuTimer();
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

  test('a table of sockets that is none is no proof that nobody listens', async () => {
    const recording = samples.find(({ id }) => id === 'linux/l2tp-server/server')?.recording;
    const answer = await readFrom(
      'l2tp-server',
      changed(recording as Recording, () => 'no such file\n'),
    );
    expect(answer).toMatchObject({ state: 'unknown' });
  });
});

const noise = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 1_000 }),
  fc.json(),
  fc
    .array(
      fc.constantFrom(
        'Inst ',
        'ID=',
        '[',
        ']',
        '(',
        ')',
        '\n',
        '\t',
        ': ',
        'disk',
        'crypt',
        ' / ',
        '8:0',
        '{}',
        '0',
      ),
      {
        maxLength: 200,
      },
    )
    .map((parts) => parts.join('')),
);

const WORDS: Record<string, string> = {
  upgraded: 'aktualisiert',
  installed: 'installiert',
  Reboot: 'Neustart',
  required: 'erforderlich',
  should: 'sollte',
  enabled: 'aktiviert',
  active: 'aktiv',
  needed: 'benötigt',
  security: 'Sicherheit',
  NAME: 'BEZEICHNUNG',
  yes: 'ja',
};

function german(text: string): string {
  return isDocument(text) ? text : text.replace(/\b[A-Za-z]+\b/g, (word) => WORDS[word] ?? word);
}
