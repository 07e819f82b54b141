import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Colour, TrayStatus } from '../../src/wire/tray.ts';
import { INKS } from '../../src/tray/icon.ts';
import { openBus } from '../../src/base/linux-bus.ts';
import { isQuiet } from '../../src/tray/linux-quiet.ts';
import { Desktop, desktopPrograms, findColour, type Point } from '../support/desktop.ts';
import { problemOf, statusOf, TrayAgent } from '../support/tray-agent.ts';
import { waitFor } from '../support/wait-for.ts';

const root = join(import.meta.dirname, '../..');
const output = join(root, 'test-output', 'desktop');
const missing = desktopPrograms.filter((file) => !existsSync(file));
if (missing.length > 0) process.stderr.write(`tray.test.ts: not installed: ${missing.join(', ')}\n`);

const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toISOString();
const now = () => new Date().toISOString();

/** Three days to go, and seen for an hour. */
const firewall = () => problemOf({ since: hours(-1), deadline: hours(75), then: 'deny' });

const states: Record<Colour, () => TrayStatus> = {
  green: () => statusOf({ at: now() }),
  amber: () => statusOf({ at: now(), colour: 'amber', because: 'deadline', problems: [firewall()] }),
  red: () =>
    statusOf({
      at: now(),
      colour: 'red',
      because: 'access-paused',
      problems: [problemOf({ since: hours(-80), deadline: hours(-1), then: 'deny' })],
      vpn: { driver: 'NetworkManager', live: false, isolated: false, held: [], reconnect: 'denied' },
    }),
  grey: () => statusOf({ at: now(), colour: 'grey', because: 'server-silent' }),
};

describe.runIf(missing.length === 0)('a tray in a real panel (needs Xvfb and Xfce)', () => {
  const desktop = new Desktop();
  const folder = join(desktop.folder, 'agent');
  let agent: TrayAgent;
  const opened = join(desktop.folder, 'opened');
  const keep = (name: string) =>
    desktop.keep(join(output, `${name}.png`), { x: 0, y: 0, width: 560, height: 220 });

  beforeAll(async () => {
    mkdirSync(output, { recursive: true });
    await desktop.open();
    // Writes down what it was asked to open.
    const browser = join(desktop.folder, 'browser');
    writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$1" >> ${opened}\n`);
    chmodSync(browser, 0o755);
    desktop.setBrowser(browser);
    agent = new TrayAgent(folder, states.green());
    await agent.start();
    startTray('tray');
    await shows('green');
  });

  beforeEach(() => {
    agent.asked.length = 0;
  });

  afterAll(async () => {
    await agent.stop();
    await desktop.close();
  });

  function startTray(name: string, ...argv: string[]) {
    const program = join(root, 'src/cli/drawbridge.ts');
    return desktop.start(name, process.execPath, [program, 'tray', '--folder', folder, ...argv]);
  }

  function shows(colour: Colour): Promise<Point> {
    return waitFor(`a ${colour} icon`, () => findColour(desktop.look(), INKS[colour].fill));
  }

  async function openMenu(colour: Colour) {
    return desktop.openMenu(await shows(colour));
  }

  async function asks(verb: string) {
    return waitFor(`the agent to be asked ${verb}`, () => agent.asked.find((one) => one.verb === verb));
  }

  function pages(): string[] {
    return existsSync(opened) ? readFileSync(opened, 'utf8').trim().split('\n') : [];
  }

  test.each(['green', 'amber', 'red', 'grey'] as const)('shows %s, and its menu', async (colour) => {
    agent.say(states[colour]());
    await shows(colour);
    const menu = await openMenu(colour);
    expect(menu.height).toBeGreaterThan(60);
    await settled();
    const { x, y, width, height } = menu;
    desktop.keep(join(output, `tray-${colour}.png`), {
      x: 0,
      y: 0,
      width: x + width + 1,
      height: y + height + 1,
    });
    desktop.input('key', 'Escape');
    await waitFor('the menu to close', () => desktop.menu() === undefined);
    if (colour !== 'amber') return;
    const note = await waitFor('the reminder', () => desktop.windows('notifyd')[0]);
    desktop.keep(join(output, 'note-amber.png'), note);
  });

  test('a click in the menu asks the agent', async () => {
    agent.say(states.amber());
    await choose('amber', 1);
    expect(await asks('recheck')).toMatchObject({ verb: 'recheck' });
    // Into the menu of hours, and its first line.
    await openMenu('amber');
    desktop.input('key', 'Down', 'Down', 'Down', 'Right', 'Return');
    expect(await asks('snooze')).toMatchObject({ verb: 'snooze', hours: 1 });
    await choose('amber', 4);
    expect(await asks('reconnect')).toMatchObject({ verb: 'reconnect' });
  });

  test('what cannot be done now is grey in the menu and asks nothing', async () => {
    agent.say(states.red());
    const menu = await openMenu('red');
    // The last line: Reconnect VPN, with the reason why not.
    desktop.click({ x: menu.x + 60, y: menu.y + menu.height - 16 });
    await settled();
    desktop.input('key', 'Escape');
    expect(agent.asked).toEqual([]);
  });

  test('a notification’s button asks the agent, and the notification goes when all is well', async () => {
    await desktop.stop('tray');
    rmSync(join(desktop.folder, 'state'), { recursive: true, force: true });
    agent.say(states.red());
    startTray('tray');
    const note = await waitFor('the notification', () => desktop.windows('notifyd')[0]);
    await settled();
    desktop.keep(join(output, 'note-red.png'), note);
    desktop.click({ x: note.x + note.width - 60, y: note.y + note.height - 30 });
    expect(await asks('recheck')).toMatchObject({ verb: 'recheck' });
    agent.say(states.green());
    await shows('green');
    const back = await waitFor('the good news', () => desktop.windows('notifyd')[0]);
    await settled();
    desktop.keep(join(output, 'note-back.png'), back);
    desktop.click({ x: back.x + back.width - 60, y: back.y + back.height - 30 });
    expect(await asks('reconnect')).toMatchObject({ verb: 'reconnect' });
  });

  test('a second start asks the first one to open the page, and ends', async () => {
    const second = startTray('second', '--open');
    const code = await new Promise((resolve) => second.once('exit', resolve));
    expect(code).toBe(0);
    expect(await waitFor('a page', () => pages()[0])).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#\S{20,}$/);
  });

  test('Xfce’s Do Not Disturb is asked; where it was never set, nobody knows', async () => {
    const bus = await openBus(desktop.busAddress);
    const answers = [await isQuiet(bus)];
    for (const value of ['true', 'false']) {
      const argv = ['-c', 'xfce4-notifyd', '-p', '/do-not-disturb', '-n', '-t', 'bool', '-s', value];
      spawnSync('/usr/bin/xfconf-query', argv, { env: desktop.env });
      answers.push(await isQuiet(bus));
    }
    await bus.close();
    expect(answers).toEqual([null, true, false]);
  });

  test('the icon comes back when the panel does', async () => {
    agent.say(states.amber());
    await shows('amber');
    await desktop.stop('panel');
    await waitFor('the icon to go', () => findColour(desktop.look(), INKS.amber.fill) === null);
    desktop.startPanel();
    await shows('amber');
    await choose('amber', 1);
    expect(await asks('recheck')).toMatchObject({ verb: 'recheck' });
  });

  test('an agent that is gone is grey, never green, and is found again', async () => {
    agent.say(states.green());
    await shows('green');
    await agent.stop();
    await shows('grey');
    await openMenu('grey');
    await settled();
    expect(findColour(desktop.look(), INKS.green.fill)).toBeNull();
    keep('tray-unreachable');
    desktop.input('key', 'Escape');
    await agent.start();
    await shows('green');
  });

  /** Chooses the enabled line with this number. */
  async function choose(colour: Colour, line: number): Promise<void> {
    await openMenu(colour);
    desktop.input('key', ...Array.from({ length: line + 1 }, () => 'Down'), 'Return');
    // Out of the way of the tooltip.
    desktop.input('mousemove', '450', '400');
    await waitFor('the menu to close', () => desktop.menu() === undefined);
  }
});

/** Drawing is not done when a window is there. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 400));
}
