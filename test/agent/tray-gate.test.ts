// A whole agent, the test server, and a tray's side of a real socket.
import { lstat, readFile, rm, stat, symlink, writeFile, mkdir } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { statePaths } from '../../src/agent/paths.ts';
import { linuxLoggedIn } from '../../src/agent/tray-users.ts';
import { createFixer } from '../../src/agent/fixes.ts';
import { unixDoor } from '../../src/agent/tray-door-unix.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import { noIsolation } from '../../src/agent/vpn-part.ts';
import { VpnFailure, type SeenProfile, type VpnState } from '../../src/agent/vpn/driver.ts';
import { known } from '../../src/base/reading.ts';
import { MemoryDriver } from './memory-driver.ts';
import { traySocket } from '../../src/wire/tray-address.ts';
import { trayAnswer, type TrayAnswer, type TrayRequest, type TrayStatus } from '../../src/wire/tray.ts';
import {
  connected,
  emptyHost,
  eventually,
  quiet,
  readersWith,
  temporaryFolder,
  type AgentChange,
} from './harness.ts';

const uid = process.getuid?.() ?? 0;

/** What a tray says and hears. */
class Talk {
  readonly socket: Socket;
  readonly answers: TrayAnswer[] = [];
  closed = false;
  #text = '';

  constructor(path: string) {
    this.socket = createConnection(path);
    this.socket.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.socket.on('error', () => {});
    this.socket.on('close', () => (this.closed = true));
  }

  #take(text: string): void {
    const lines = (this.#text + text).split('\n');
    this.#text = lines.pop() ?? '';
    this.answers.push(...lines.map((line) => trayAnswer().parse(JSON.parse(line))));
  }

  say(request: TrayRequest | string): void {
    this.socket.write(typeof request === 'string' ? request : `${JSON.stringify(request)}\n`);
  }

  answer(id: number | null): Promise<TrayAnswer> {
    return eventually(`answer ${id}`, () => this.answers.find((one) => one.id === id));
  }

  async status(
    id: number,
    request: Omit<TrayRequest, 'id'> = { verb: 'status', watch: false } as never,
  ): Promise<TrayStatus> {
    this.say({ ...request, id } as TrayRequest);
    const answer = await this.answer(id);
    if (!answer.ok) throw new Error(`${answer.code}: ${answer.text}`);
    return answer.status;
  }
}

async function open(path: string): Promise<Talk> {
  await eventually('a socket', () => lstat(path).catch(() => null));
  const talk = new Talk(path);
  onTestFinished(() => void talk.socket.destroy());
  return talk;
}

type Laptop = { firewall: 'on' | 'off'; sockets: string; users: string; change: AgentChange };

async function laptop(): Promise<Laptop> {
  const folder = await temporaryFolder();
  const made = { firewall: 'off', sockets: join(folder, 's'), users: join(folder, 'u') } as Laptop;
  await mkdir(join(made.users, String(uid)), { recursive: true });
  made.change = {
    readers: readersWith({
      firewall: async () =>
        known({
          state: made.firewall,
          inboundDefault: made.firewall === 'on' ? 'block' : 'allow',
          managedBy: null,
          profiles: [],
          stealth: null,
        }),
    }),
    openTray: () => ({
      platform: 'linux',
      door: unixDoor({ folder: made.sockets, users: linuxLoggedIn(made.users), log: quiet }),
      fixer: createFixer('linux', emptyHost()),
    }),
  };
  return made;
}

/** A policy by which the firewall is all that counts. */
const firewallOnly = (change: object = {}) => ({
  policy: { version: 1, name: 'p', checks: { firewall: { weight: 60, grace: { hours: 72 } } }, ...change },
});

const decision = (change: object = {}) => ({
  access: 'allow' as const,
  risk: { score: 0, level: 'low' as const },
  reason: 'ok' as const,
  sentence: 'Fine.',
  since: '2026-11-20T10:00:00.000Z',
  until: '9999-12-31T23:59:59.999Z',
  policy: 'p',
  mode: 'enforce' as const,
  would: null,
  held: null,
  deadline: null,
  remindedAt: null,
  snoozedUntil: null,
  ...change,
});

async function start(policy: object = firewallOnly()) {
  const made = await laptop();
  const { server, folder } = await connected({}, made.change);
  await eventually('a report', () => server.reports.length > 0);
  server.last.send({ t: 'policy', jws: await server.policy(policy as Record<string, unknown>) });
  server.last.send({ t: 'decision', decision: decision() });
  const talk = await open(traySocket(made.sockets, uid));
  return { made, server, folder, talk };
}

test('a status names the problem, a re-check of that one check answers when it is judged and acknowledged', async () => {
  const { made, server, talk } = await start();
  talk.say({ id: 1, verb: 'status', watch: true });
  await eventually('amber', () => talk.answers.some((one) => one.ok && one.status.colour === 'amber'));
  const amber = talk.answers.findLast((one) => one.ok);
  if (!amber?.ok) throw new Error('no status');
  expect(
    amber.status.problems.map(({ check, reason, level, fixes }) => [check, reason, level, fixes]),
  ).toEqual([['firewall', 'firewall-off', 'warn', []]]);
  made.firewall = 'on';
  const before = server.reports.length;
  const after = await talk.status(2, { verb: 'recheck', check: 'firewall' } as never);
  expect([after.colour, after.because, after.problems]).toEqual(['green', 'good', []]);
  // Only that one was read: the report says from when the rest is.
  expect(server.reports.slice(before).map(({ kind, facts_at }) => [kind, facts_at === undefined])).toEqual([
    ['delta', false],
  ]);
  const told = await eventually('the watcher is told', () =>
    talk.answers.findLast((one) => one.id === 1 && one.ok && one.status.colour === 'green'),
  );
  if (!told.ok) throw new Error('no status');
  expect(told.status.days.map(({ colour }) => colour).slice(-2)).toEqual(['amber', 'green']);
});

test('the colour is noted as it changes while nobody looks', async () => {
  const made = await laptop();
  made.firewall = 'on';
  const { server, folder } = await connected({}, made.change);
  await eventually('a report', () => server.reports.length > 0);
  server.last.send({ t: 'policy', jws: await server.policy(firewallOnly()) });
  const days = async () =>
    JSON.parse(await readFile(statePaths(folder).days, 'utf8').catch(() => '[]')) as { colour: string }[];
  for (const [access, colour] of [
    ['allow', 'green'],
    ['deny', 'red'],
    ['allow', 'green'],
  ] as const) {
    server.last.send({ t: 'decision', decision: decision({ access }) });
    await eventually(`${colour} to be noted`, async () => (await days()).at(-1)?.colour === colour);
  }
  expect((await days()).map((day) => day.colour).slice(-3)).toEqual(['green', 'red', 'green']);
});

test('a snooze ends at the deadline at the latest, and the server is told', async () => {
  const begun = Date.now() - 71.5 * 3_600_000;
  const { server, talk } = await start(
    firewallOnly({ courses: { firewall: { since: begun, failedAt: begun } } }),
  );
  await eventually(
    'a deadline',
    async () => (await talk.status(Math.floor(Math.random() * 1e6))).problems[0]?.deadline,
  );
  const { problems } = await talk.status(3, { verb: 'snooze', hours: 24 } as never);
  expect(problems[0]?.snoozedUntil).toBe(problems[0]?.deadline);
  await eventually('the server was told', () => server.last.frames.includes('snooze'));
});

test('what is not offered is refused, and so is the VPN while access is denied', async () => {
  const { server, talk } = await start();
  talk.say({ id: 1, verb: 'fix', fix: 'firewall-on' });
  expect(await talk.answer(1)).toMatchObject({ ok: false, code: 'not-offered' });
  talk.say({ id: 2, verb: 'snooze', hours: 1 });
  expect(await talk.answer(2)).toMatchObject({ ok: false, code: 'nothing-to-snooze' });
  server.last.send({ t: 'decision', decision: decision({ access: 'deny', sentence: 'No.' }) });
  await eventually('red', async () => (await talk.status(Math.floor(Math.random() * 1e6))).colour === 'red');
  talk.say({ id: 4, verb: 'reconnect' });
  expect(await talk.answer(4)).toMatchObject({ ok: false, code: 'held', text: 'No.' });
});

test.each([
  ['no JSON', 'hello\n'],
  ['a command', '{"id":1,"verb":"run","command":"/bin/sh"}\n'],
  ['a line without an end', 'x'.repeat(2_000)],
  ['a second line that is none', '{"id":1,"verb":"status"}\n\u0000\n'],
])('hostile: %s ends the connection, and the agent lives on', async (_name, text) => {
  const { made, talk } = await start();
  talk.say(text);
  expect(await talk.answer(null)).toMatchObject({ ok: false, code: 'malformed' });
  await eventually('the end', () => talk.closed);
  const next = await open(traySocket(made.sockets, uid));
  expect((await next.status(1)).problems.length).toBeGreaterThanOrEqual(0);
});

test('asking too often is refused, and more connections than eight are not taken', async () => {
  const { made, talk } = await start();
  for (let id = 1; id <= 40; id += 1) talk.say({ id, verb: 'status', watch: false });
  expect(await talk.answer(40)).toMatchObject({ ok: false, code: 'rate-limited' });
  const more = await Promise.all(Array.from({ length: 9 }, () => open(traySocket(made.sockets, uid))));
  await eventually('two of ten are refused', () => more.filter(({ closed }) => closed).length === 2);
});

test('a socket is its user’s own, is there while that user is logged in, and follows no link', async () => {
  const { made, talk } = await start();
  const path = traySocket(made.sockets, uid);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(made.sockets, String(uid)))).mode & 0o777).toBe(0o500);
  await rm(join(made.users, String(uid)), { recursive: true });
  await eventually('logged out', () => talk.closed);
  await eventually('gone', () =>
    lstat(path).then(
      () => false,
      () => true,
    ),
  );
  // What a user could leave behind instead.
  const victim = join(made.users, 'victim');
  await mkdir(victim);
  await writeFile(join(victim, 'tray.sock'), 'precious');
  await symlink(victim, join(made.sockets, String(uid)));
  await mkdir(join(made.users, String(uid)));
  await eventually('served again', () =>
    lstat(path).then(
      (found) => found.isSocket(),
      () => false,
    ),
  );
  const again = await open(path);
  expect((await again.status(1)).device.platform).toBe('linux');
  expect((await stat(join(victim, 'tray.sock'))).size).toBe(8);
  expect((await lstat(join(made.sockets, String(uid)))).isDirectory()).toBe(true);
});

class Dialling extends MemoryDriver {
  async bringUp({ name }: SeenProfile): Promise<VpnState> {
    if (!this.dial(name)) throw new VpnFailure('blocked', 500, await this.inspect());
    return this.inspect();
  }
}

test('the VPN is brought up for its user, and not while anybody holds it', async () => {
  const driver = new Dialling();
  const made = await laptop();
  made.change.openVpn = async () => ({
    vpn: { name: 'memory', driver, defaultMode: 'enforce' },
    isolation: noIsolation,
    l2tpServer: null,
    certificates: null,
    credentials: null,
    isRoot: true,
  });
  const { server } = await connected({}, made.change);
  await eventually('a report', () => server.reports.length > 0);
  server.last.send({ t: 'decision', decision: decision() });
  const talk = await open(traySocket(made.sockets, uid));
  const status = () => talk.status(Math.floor(Math.random() * 1e6));
  await eventually('it can be asked for', async () => (await status()).vpn?.reconnect === 'possible');
  expect((await talk.status(1, { verb: 'reconnect' } as never)).vpn?.live).toBe(true);
  expect(driver.isUp('office')).toBe(true);
  const oc2 = {
    action: 'deny',
    target: { 'x-posture:vpn': {} },
    args: { response_requested: 'complete' },
  } as const;
  server.last.send({
    t: 'order',
    jws: await server.order({ oc2: { ...oc2, command_id: uuidv7(Date.now()) } }),
  });
  await eventually('it is held', async () => (await status()).vpn?.reconnect === 'held');
  talk.say({ id: 2, verb: 'reconnect' });
  expect(await talk.answer(2)).toMatchObject({ ok: false, code: 'held' });
  expect(driver.isUp('office')).toBe(false);
});
