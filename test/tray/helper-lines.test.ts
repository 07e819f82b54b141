import fc from 'fast-check';
import { expect, test } from 'vitest';
import { menuLines, noteLines, parseHelperLine, stateLine, toLine } from '../../src/tray/helper-lines.ts';
import { escaped } from '../../src/tray/linux-notes.ts';
import type { MenuEntry } from '../../src/tray/view.ts';

const unescape = (text: string) =>
  text.replace(/\\(.)/g, (_, letter: string) => ({ t: '\t', n: '\n', '\\': '\\' })[letter] ?? '?');

const unit = fc.constantFrom('\\', '\t', '\n', '\r', 'n', 't', '\0', '\u001b', '\u0085', 'é', '💻');

test('no field can end itself, its line, or be read as another', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit, maxLength: 12 }), { minLength: 1, maxLength: 4 }), (fields) => {
      const line = toLine(...fields);
      expect(line.endsWith('\n')).toBe(true);
      expect(line.slice(0, -1)).not.toContain('\n');
      const plain = fields.map((field) => field.replace(/(?![\t\n])\p{Cc}/gu, ''));
      expect(line.slice(0, -1).split('\t').map(unescape)).toEqual(plain);
    }),
    { numRuns: 200 },
  );
});

test('a menu’s ids belong to it alone, and only what can be clicked has one', () => {
  const menu: MenuEntry[] = [
    { kind: 'item', label: 'State', action: null, enabled: false },
    { kind: 'line' },
    { kind: 'item', label: 'Check', action: 'recheck', enabled: true },
    { kind: 'item', label: 'VPN', action: 'reconnect', enabled: false },
    {
      kind: 'menu',
      label: 'Later',
      items: [{ kind: 'item', label: '1 h', action: 'snooze-1', enabled: true }],
    },
  ];
  const { lines, actions } = menuLines(menu, 7);
  expect(lines).toEqual([
    'M\n',
    'I\t\td\tState\n',
    '-\n',
    'I\t7.0\t\tCheck\n',
    'I\t\td\tVPN\n',
    '>\tLater\n',
    'I\t7.1\t\t1 h\n',
    '<\n',
    'E\n',
  ]);
  expect(Object.fromEntries(actions)).toEqual({ '7.0': 'recheck', '7.1': 'snooze-1' });
});

test('texts are cut to what the systems have room for, never within a character', () => {
  const view = { colour: 'red' as const, title: '💻'.repeat(200), detail: 'x', menu: [] };
  const [, , tip = ''] = stateLine(view).split('\t');
  expect(Array.from(tip.trimEnd())).toHaveLength(120);
  expect(tip).not.toMatch(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
  const note = { title: 't', body: 'b', colour: 'red' as const, urgent: true, buttons: [] };
  expect(noteLines(note)).toEqual(['N\terror\tu\tt\tb\n']);
});

test('what a helper says is one of few words, or nothing', () => {
  expect(parseHelperLine('ready\r')).toEqual({ word: 'ready' });
  expect(parseHelperLine('click\t7.0')).toEqual({ word: 'click', id: '7.0' });
  expect(parseHelperLine('quiet\t?')).toEqual({ word: 'quiet', quiet: null });
  expect(parseHelperLine('opened\t1')).toEqual({ word: 'opened', ok: true });
  for (const line of ['', 'exec\t/bin/sh', 'READY', '{"word":"open"}'])
    expect(parseHelperLine(line)).toBeNull();
});

test('markup in a notification is shown as it is written', () => {
  expect(escaped('<a href="x">a & b</a>')).toBe('&lt;a href="x"&gt;a &amp; b&lt;/a&gt;');
});
