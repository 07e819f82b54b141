import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Host, Output } from '../../collectors/check.ts';
import { parseTasklist, read } from '../../collectors/processes/windows.ts';
import { hostWith } from './windows-host.ts';

const listed = [
  '"System Idle Process","0","Services","0","8 Ko"',
  '"TeamViewer.exe","4312","Console","1","61.204 K"',
  '"teamviewer.exe","4316","Console","1","12.004 K"',
  '"notepad.exe","9100","Console","1","14,112 K"',
  '',
].join('\r\n');

function hostRunning(stdout: string, code: number | null = 0, failure: Output['failure'] = null): Host {
  const watch = ['TeamViewer', 'notepad.exe', 'anydesk.exe'].map((executable) => ({
    rule: executable,
    executable,
  }));
  return {
    ...hostWith({}),
    questions: { watch, tags: {} },
    run: async () => ({ stdout, stderr: '', code, failure }),
  };
}

describe('watched programs', () => {
  test('are counted whatever their case, with or without extension; others are not told', async () => {
    expect(await read(hostRunning(listed))).toEqual({
      state: 'known',
      fact: {
        matches: [
          { rule: 'TeamViewer', count: 2 },
          { rule: 'notepad.exe', count: 1 },
        ],
      },
    });
  });

  test.each([
    [hostRunning('', null, 'timeout'), 'timeout'],
    [hostRunning('', 1), 'failed'],
    [hostRunning(''), 'unparsable'],
    [hostRunning('INFO: Es werden keine Aufgaben ausgeführt.'), 'unparsable'],
  ])('cannot be told without a list', async (host, why) => {
    expect(await read(host)).toMatchObject({ state: 'unknown', why });
  });

  test('nothing watched, nothing asked', async () => {
    expect(await read(hostWith({}))).toEqual({ state: 'known', fact: { matches: [] } });
  });

  test('cut off anywhere, there are fewer programs and no invented ones', () => {
    const whole = parseTasklist(listed);
    fc.assert(
      fc.property(fc.nat(listed.length), (length) => {
        const some = parseTasklist(listed.slice(0, length));
        expect(whole.slice(0, some.length)).toEqual(some);
      }),
    );
  });
});
