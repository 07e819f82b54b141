import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pngFile } from '../../src/tray/png.ts';
import { waitFor } from './wait-for.ts';

export type Rgb = readonly [number, number, number];
export type Point = { x: number; y: number };
/** What is on the screen: four bytes a pixel, red first. */
export type Screen = { width: number; height: number; rgba: Uint8Array };

const NOTIFYD = '/usr/lib/x86_64-linux-gnu/xfce4/notifyd/xfce4-notifyd';
/** What has to be installed for it. */
export const desktopPrograms = [
  '/usr/bin/Xvfb',
  '/usr/bin/dbus-daemon',
  '/usr/bin/xfwm4',
  '/usr/bin/xfce4-panel',
  NOTIFYD,
  '/usr/bin/xdotool',
  '/usr/bin/xdg-open',
];

const WIDTH = 900;
const HEIGHT = 560;
const PANEL_HEIGHT = 32;

/** A panel at the top of the screen with nothing in it but icons of programs. */
const PANEL = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="icon-size" type="uint" value="22"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
  </property>
</channel>
`;

/**
 * A desktop of its own: Xvfb, a session bus, Xfce's window manager, panel and notification daemon. Nothing of the
 * person's own session is touched; `close` ends all of it.
 */
export class Desktop {
  readonly folder: string;
  #display = '';
  #children = new Map<string, ChildProcess>();

  /** `parent`: where its folder is made, with the bus's socket in it. */
  constructor(parent = tmpdir()) {
    this.folder = mkdtempSync(join(parent, 'drawbridge-desktop-'));
  }

  async open(): Promise<void> {
    for (const name of ['run', 'fb', 'config/xfce4/xfconf/xfce-perchannel-xml'])
      mkdirSync(join(this.folder, name), { recursive: true, mode: 0o700 });
    writeFileSync(join(this.folder, 'config/xfce4/xfconf/xfce-perchannel-xml/xfce4-panel.xml'), PANEL);
    await this.#startDisplay();
    const bus = ['--session', '--nofork', '--nopidfile', `--address=unix:path=${this.folder}/run/bus`];
    this.#start('bus', '/usr/bin/dbus-daemon', bus);
    await waitFor('the session bus', () =>
      this.#says('/usr/bin/dbus-send', ['--print-reply', ...LIST_NAMES]),
    );
    this.#start('windows', '/usr/bin/xfwm4', ['--compositor=off']);
    this.startPanel();
    this.startNotifications();
    await this.owns('org.kde.StatusNotifierWatcher');
    await this.owns('org.freedesktop.Notifications');
  }

  /** The environment of a program of this session. */
  get env(): Record<string, string> {
    return {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: this.folder,
      DISPLAY: this.#display,
      XDG_RUNTIME_DIR: join(this.folder, 'run'),
      XDG_CONFIG_HOME: join(this.folder, 'config'),
      XDG_CACHE_HOME: join(this.folder, 'cache'),
      XDG_DATA_HOME: join(this.folder, 'data'),
      XDG_STATE_HOME: join(this.folder, 'state'),
      DBUS_SESSION_BUS_ADDRESS: this.busAddress,
      NO_AT_BRIDGE: '1',
      GTK_A11Y: 'none',
      LANG: 'C.UTF-8',
      TZ: 'Europe/Berlin',
    };
  }

  get busAddress(): string {
    return `unix:path=${this.folder}/run/bus`;
  }

  startPanel(): void {
    this.#start('panel', '/usr/bin/xfce4-panel', ['--disable-wm-check']);
  }

  startNotifications(): void {
    this.#start('notifications', NOTIFYD, []);
  }

  async stop(name: 'panel' | 'notifications' | 'tray'): Promise<void> {
    const child = this.#children.get(name);
    this.#children.delete(name);
    if (child) await ended(child);
  }

  /** Starts a program in this session; it ends with the desktop at the latest. */
  start(name: string, file: string, argv: readonly string[], env: Record<string, string> = {}): ChildProcess {
    return this.#start(name, file, argv, env);
  }

  /** Makes a program the default browser of this session: it gets the address as its only argument. */
  setBrowser(program: string): void {
    const folder = join(this.folder, 'data', 'applications');
    mkdirSync(folder, { recursive: true });
    const entry = [
      '[Desktop Entry]',
      'Type=Application',
      'Name=Browser',
      `Exec=${program} %u`,
      'Terminal=false',
    ];
    writeFileSync(join(folder, 'test-browser.desktop'), `${entry.join('\n')}\n`);
    const types = ['[Default Applications]', 'x-scheme-handler/http=test-browser.desktop'];
    writeFileSync(join(this.folder, 'config', 'mimeapps.list'), `${types.join('\n')}\n`);
  }

  async owns(name: string): Promise<void> {
    await waitFor(`${name} on the session bus`, () => this.names().includes(`"${name}"`));
  }

  names(): string {
    return spawnSync('/usr/bin/dbus-send', ['--print-reply', ...LIST_NAMES], {
      env: this.env,
      encoding: 'utf8',
    }).stdout;
  }

  /** Sends keys, clicks and moves: one xdotool command. Answers what it prints. */
  input(...argv: string[]): string {
    const done = spawnSync('/usr/bin/xdotool', argv, { env: this.env, encoding: 'utf8', timeout: 10_000 });
    return done.stdout.trim();
  }

  click(at: Point, button: 1 | 3 = 1): void {
    this.input('mousemove', String(Math.round(at.x)), String(Math.round(at.y)), 'click', String(button));
  }

  /** Visible windows whose class matches, as rectangles. */
  windows(className: string): { x: number; y: number; width: number; height: number }[] {
    const ids = this.input('search', '--onlyvisible', '--class', className).split('\n').filter(Boolean);
    return ids.flatMap((id) => {
      const text = this.input('getwindowgeometry', '--shell', id);
      const value = (key: string) => Number(new RegExp(`^${key}=(-?\\d+)$`, 'm').exec(text)?.[1]);
      const [x, y, width, height] = [value('X'), value('Y'), value('WIDTH'), value('HEIGHT')];
      return Number.isNaN(x) ? [] : [{ x, y, width, height }];
    });
  }

  /** A menu of the panel's icon, whoever draws it and whether below the panel or over it; undefined while there is none. */
  menu() {
    return this.windows('.*').find(
      ({ x, y, width, height }) => x < 120 && y > 8 && y < PANEL_HEIGHT + 4 && width < 700 && height > 40,
    );
  }

  /** Opens the menu of an icon. A click on one that is being drawn anew can get lost, and so is repeated. */
  openMenu(icon: Point) {
    return waitFor('the menu', async () => {
      if (this.menu() === undefined) this.click(icon, 3);
      for (let i = 0; i < 30 && this.menu() === undefined; i += 1)
        await new Promise((resolve) => setTimeout(resolve, 100));
      return this.menu();
    });
  }

  /** What is on the screen now, out of the file that Xvfb draws into. */
  look(): Screen {
    const file = readFileSync(join(this.folder, 'fb', 'Xvfb_screen0'));
    const word = (index: number) => file.readUInt32BE(index * 4);
    const [width, height, rowBytes] = [word(4), word(5), word(12)];
    const start = word(0) + word(19) * 12;
    const rgba = new Uint8Array(width * height * 4);
    for (let y = 0; y < height; y += 1)
      for (let x = 0; x < width; x += 1) {
        const from = start + y * rowBytes + x * 4;
        rgba.set([file[from + 2] ?? 0, file[from + 1] ?? 0, file[from] ?? 0, 255], (y * width + x) * 4);
      }
    return { width, height, rgba };
  }

  /** Keeps a part of the screen as a picture. */
  keep(file: string, area = { x: 0, y: 0, width: WIDTH, height: HEIGHT }): void {
    const { width, height, rgba } = cut(this.look(), area);
    writeFileSync(file, pngFile(width, height, rgba));
  }

  async close(): Promise<void> {
    for (const child of [...this.#children.values()].toReversed()) await ended(child);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #startDisplay(): Promise<void> {
    const argv = ['-displayfd', '3', '-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-nolisten', 'tcp'];
    const child = spawn('/usr/bin/Xvfb', [...argv, '-fbdir', join(this.folder, 'fb')], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    this.#children.set('display', child);
    let said = '';
    child.stdio[3]?.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
    await waitFor('Xvfb', () => said.endsWith('\n'));
    this.#display = `:${said.trim()}`;
  }

  #start(
    name: string,
    file: string,
    argv: readonly string[],
    env: Record<string, string> = {},
  ): ChildProcess {
    const log = process.env.DESKTOP_LOG === '1' ? 'inherit' : 'ignore';
    const child = spawn(file, argv, { env: { ...this.env, ...env }, stdio: ['pipe', 'pipe', log] });
    if (log === 'ignore') child.stdout.resume();
    this.#children.set(name, child);
    return child;
  }

  #says(file: string, argv: string[]): boolean {
    return spawnSync(file, argv, { env: this.env, timeout: 5_000 }).status === 0;
  }
}

const LIST_NAMES = ['--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.ListNames'];

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await gone;
  clearTimeout(timer);
}

export function cut(
  { width, rgba }: Screen,
  area: { x: number; y: number; width: number; height: number },
): Screen {
  const part = new Uint8Array(area.width * area.height * 4);
  for (let row = 0; row < area.height; row += 1) {
    const from = ((area.y + row) * width + area.x) * 4;
    part.set(rgba.subarray(from, from + area.width * 4), row * area.width * 4);
  }
  return { width: area.width, height: area.height, rgba: part };
}

/** The middle of all pixels of nearly this colour within the top `rows` rows; null where there are fewer than `least`. */
export function findColour({ width, rgba }: Screen, colour: Rgb, rows = 32, least = 40): Point | null {
  let [count, sumX, sumY] = [0, 0, 0];
  for (let i = 0; i < width * rows; i += 1) {
    const near = colour.every((value, channel) => Math.abs(value - (rgba[i * 4 + channel] ?? 0)) < 12);
    if (!near) continue;
    count += 1;
    sumX += i % width;
    sumY += Math.floor(i / width);
  }
  return count < least ? null : { x: sumX / count, y: sumY / count };
}
