import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../packaging/native/build.ts';
import { openHelperTray, type HelperTray } from '../../src/tray/helper.ts';
import { INKS } from '../../src/tray/icon.ts';
import { viewOf } from '../../src/tray/model.ts';
import type { ActionId } from '../../src/tray/view.ts';
import type { Colour } from '../../src/wire/tray.ts';
import { Desktop, desktopPrograms, findColour } from '../support/desktop.ts';
import { problemOf, statusOf } from '../support/tray-agent.ts';
import { waitFor } from '../support/wait-for.ts';
import { endWine, WINE, wineEnv } from '../support/wine.ts';

const output = join(import.meta.dirname, '../../test-output', 'desktop');
const tools = [
  '/usr/bin/clang',
  '/usr/bin/lld',
  '/usr/bin/llvm-nm',
  '/usr/share/mingw-w64/include/windows.h',
];
const missing = [...desktopPrograms, ...tools, WINE].filter((file) => !existsSync(file));
if (missing.length > 0) process.stderr.write(`tray-windows.test.ts: not installed: ${missing.join(', ')}\n`);

describe.runIf(missing.length === 0)('the helper of Windows (needs Wine, clang and lld)', () => {
  const desktop = new Desktop();
  const actions: ActionId[] = [];
  let files: string[] = [];
  let tray: HelperTray;
  let gone: string | null = null;

  const prefix = join(desktop.folder, 'wine');

  const start = async (name: string, ...argv: string[]) => {
    const exe = files.find((file) => file.endsWith('windows-x64.exe')) ?? '';
    const child = desktop.start(name, WINE, [exe, ...argv], wineEnv(prefix));
    const onGone = (why: string) => {
      gone = why;
    };
    return openHelperTray(child, { onAction: (action) => actions.push(action), onDismissed() {}, onGone });
  };

  beforeAll(async () => {
    mkdirSync(output, { recursive: true });
    files = buildNative(join(desktop.folder, 'native'));
    await desktop.open();
    const opened = await start('helper');
    if (opened === null) throw new Error('another helper runs here');
    tray = opened;
  });

  afterAll(async () => {
    endWine(prefix, desktop.env);
    await desktop.close();
  });

  test('is built twice the same, and for macOS as one file for both kinds of processor', () => {
    const again = buildNative(join(desktop.folder, 'again'));
    expect(again.map((file) => readFileSync(file))).toEqual(files.map((file) => readFileSync(file)));
    const macos = readFileSync(files.find((file) => file.endsWith('macos')) ?? '');
    // A universal file's magic number, two parts, and their processors: x86_64 and arm64.
    expect([0, 4, 8, 28].map((at) => macos.readUInt32BE(at).toString(16))).toEqual([
      'cafebabe',
      '2',
      '1000007',
      '100000c',
    ]);
  });

  const show = (colour: Colour) => {
    const deadline = new Date(Date.now() + 80 * 3_600_000).toISOString();
    const because = { green: 'good', amber: 'deadline', red: 'access-paused', grey: 'starting' } as const;
    const status = statusOf({ colour, because: because[colour], problems: [problemOf({ deadline })] });
    const locale = { language: 'de', dates: 'de-DE' } as const;
    tray.show(viewOf({ status, isChecking: false, locale, now: Date.now() }));
    return waitFor(`a ${colour} icon`, () => findColour(desktop.look(), INKS[colour].fill));
  };

  test.each(['green', 'red', 'grey', 'amber'] as const)('shows %s', async (colour) => {
    expect(await show(colour)).not.toBeNull();
  });

  test('a click in the menu comes back', async () => {
    const menu = await desktop.openMenu(await show('amber'));
    // The tooltip would cover it.
    desktop.input('mousemove', String(menu.x + 30), String(menu.y + menu.height * 0.46));
    await new Promise((resolve) => setTimeout(resolve, 500));
    desktop.keep(join(output, 'windows-menu.png'), { x: 0, y: 0, width: 560, height: 220 });
    // The third of six lines.
    desktop.click({ x: menu.x + 60, y: menu.y + menu.height * 0.46 });
    await waitFor('the click', () => actions.includes('recheck'));
    expect(actions).toEqual(['recheck']);
  });

  test('a notification is shown', async () => {
    desktop.input('mousemove', '450', '400');
    tray.notify({
      title: 'Firewall & more',
      body: 'Zeile\nÜber',
      colour: 'amber',
      urgent: false,
      buttons: [],
    });
    const balloon = await waitFor('the balloon', () =>
      desktop.windows('.*').find(({ width, height }) => width > 60 && width < 600 && height > 60),
    );
    expect(balloon.height).toBeGreaterThan(60);
    desktop.keep(join(output, 'windows-note.png'), { x: 0, y: 0, width: 560, height: 220 });
    tray.withdraw();
  });

  test('answers whether somebody wants quiet, and opens nothing but pages of this computer', async () => {
    expect(await tray.isQuiet()).toBe(false);
    for (const url of [
      'http://example.com/',
      'file:///etc/passwd',
      'http://127.0.0.1:80@example.com/',
      'calc.exe',
    ])
      expect(await tray.open(url)).toBe(false);
  });

  test('a second start hands over to the first', async () => {
    actions.length = 0;
    expect(await start('second', 'open')).toBeNull();
    await waitFor('the wish to see the page', () => actions.includes('open'));
    expect(actions).toEqual(['open']);
  });

  test('lines that are none of the protocol change nothing; it ends when it is told to', async () => {
    tray.show({ colour: 'red', title: 'x'.repeat(20_000), detail: '\0\t\n\\', menu: [] });
    await show('green');
    await tray.close();
    await waitFor('the icon to go', () => findColour(desktop.look(), INKS.green.fill) === null);
    expect(gone).toBeNull();
  });
});
