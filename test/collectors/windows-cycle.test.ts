import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Output } from '../../collectors/check.ts';
import { lookupIn, POWERSHELL_ARGV, windowsCycle } from '../../collectors/windows-cycle.ts';
import { parseDocument } from '../../collectors/windows-document.ts';
import { scripts } from '../../collectors/windows-script.ts';
import { powershell, type Command } from '../../src/base/commands.ts';
import type { CommandOptions } from '../../collectors/check.ts';

const laptop = readFileSync(
  join(import.meta.dirname, '..', 'fixtures', 'windows-document', 'laptop.json'),
  'utf8',
);

function printed(stdout: string, failure: Output['failure'] = null): Output {
  return { stdout, stderr: '', code: failure === null ? 0 : null, failure };
}

describe('the document', () => {
  test('is read with its byte order mark, and holds every probe of the full script', () => {
    const parsed = parseDocument(laptop);
    expect(parsed).toMatchObject({ ok: true, value: { startedAt: '2025-03-10T08:15:00.1234567Z' } });
    expect([...(parsed.ok ? parsed.value.probes.keys() : [])].toSorted()).toEqual(
      scripts.full.probes.toSorted(),
    );
  });

  test('cut off anywhere it is none', () => {
    const whole = laptop.trimEnd();
    fc.assert(
      fc.property(fc.nat(whole.length - 2), (length) => {
        expect(parseDocument(whole.slice(0, length)).ok).toBe(false);
      }),
    );
  });

  test.each([
    ['', 'not-json'],
    ['At line:1 char:1', 'not-json'],
    ['[]', 'other-schema'],
    ['{"schema":2,"startedAt":"2025-03-10T08:15:00Z","probes":{}}', 'other-schema'],
    ['{"schema":1,"startedAt":"10.03.2025","probes":{}}', 'other-schema'],
    [' '.repeat(8 * 1024 * 1024 + 1), 'too-large'],
  ])('%.40j is refused', (text, error) => expect(parseDocument(text)).toEqual({ ok: false, error }));

  test('as UTF-16 or Latin-1 it is no document, or one with damaged text only', () => {
    expect(parseDocument(Buffer.from(laptop, 'utf16le').toString('latin1')).ok).toBe(false);
    const latin = parseDocument(Buffer.from(laptop.slice(1), 'utf8').toString('latin1'));
    expect(latin).toMatchObject({ ok: true });
  });

  test('one damaged answer does not take the others with it', () => {
    const text =
      '{"schema":1,"startedAt":"2025-03-10T08:15:00Z","probes":{"tpm":{"ok":"yes"},"volumes":{"ok":true,"data":[]}}}';
    const parsed = parseDocument(text);
    const probes = parsed.ok ? parsed.value.probes : new Map();
    expect(probes.get('tpm')).toMatchObject({ ok: false, fqid: 'MalformedAnswer' });
    expect(probes.get('volumes')).toEqual({ ok: true, ms: 0, data: [] });
  });

  test('random JSON never throws', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void parseDocument(JSON.stringify(value))));
    fc.assert(fc.property(fc.string(), (text) => void parseDocument(text)));
  });
});

describe('a cycle', () => {
  test('is one process, with the script on its standard input', async () => {
    const runs: { command: Command; argv: readonly string[]; options: CommandOptions | undefined }[] = [];
    const host = {
      async run(command: Command, argv: readonly string[], options?: CommandOptions) {
        runs.push({ command, argv, options });
        return printed(laptop);
      },
    };
    const probe = await windowsCycle(host, 'full', (file) => `# ${file}`);
    expect(runs).toHaveLength(1);
    expect(runs[0]).toMatchObject({
      command: powershell,
      argv: POWERSHELL_ARGV,
      options: { timeoutMs: 90_000 },
    });
    expect(runs[0]?.options?.stdin).toContain('# antivirus/windows.ps1');
    expect(probe('tpm')).toMatchObject({ ok: true });
    expect(probe('updates')).toBeNull();
  });

  test.each([
    [printed('', 'timeout'), { hresult: 0x80041069 | 0 }],
    [printed('', 'denied'), { hresult: 0x80070005 | 0 }],
    [printed('', 'not-found'), { fqid: 'CommandNotFoundException' }],
    [printed('', 'flood'), { fqid: 'PowerShell:flood' }],
    [printed('Die Zeichenfolge'), { fqid: 'WindowsDocument:not-json' }],
  ])('that failed answers for its own probes and no others: %j', (output, expected) => {
    const probe = lookupIn(output, 'updates');
    expect(probe('updates')).toMatchObject({ ok: false, ...expected });
    expect(probe('tpm')).toBeNull();
  });
});
