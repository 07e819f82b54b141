// docs/deploy.md as a stranger would follow it, and what the other documents say of commands and files.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { canIsolate } from '../support/namespaces.ts';
import { GuideMachine, guideSteps } from '../support/guide.ts';
import { CHECKOUT, OLD, OUT } from './build.ts';

/** How often each part of the guide has lines: a step that is added is looked at here, too. */
const LINES = { server: 4, laptop: 1, lookThere: 2, lookHere: 2, tray: 1, policy: 3 };

describe('the first deployment, line by line', () => {
  let at: GuideMachine;
  let machine: GuideMachine | null = null;
  const [server = [], laptop = [], lookThere = [], lookHere = [], tray = [], policy = []] = guideSteps();

  beforeAll(async () => {
    machine = canIsolate() ? await GuideMachine.boot('test-output/package/packages') : null;
    if (machine === null) process.stderr.write('guide.test.ts: no root with systemd could be booted here\n');
    else at = machine;
    const steps = { server, laptop, lookThere, lookHere, tray, policy };
    expect(Object.fromEntries(Object.entries(steps).map(([name, lines]) => [name, lines.length]))).toEqual(
      LINES,
    );
  });
  beforeEach(({ skip }) => skip(machine === null, 'no root with systemd could be booted here'));
  afterAll(() => machine?.remove());

  test('server and laptop are installed, and know each other', async () => {
    for (const line of [...server, ...laptop]) at.follow(line);
    await at.connected();
    expect(at.device()).toMatchObject({ connected: true });
  });

  test('both can be looked at, as on the pictures', () => {
    const [status, doctor] = lookThere.map((line) => at.follow(line, [1]).out);
    expect(status).toMatch(/connected since .* over websocket/);
    for (const row of ['settings', 'enrolment', 'keys', 'server', 'transport']) expect(doctor).toContain(row);
    const [devices, device] = lookHere.map((line) => at.follow(line).out);
    for (const head of ['Device', 'Name', 'Access', 'Why']) expect(devices).toContain(head);
    expect(device).toContain('How the decision came about');
  });

  test('the employee’s page opens', async () => {
    expect(await at.page(tray[0] ?? '')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#/);
  });

  test('the policy can be looked through, and is read again', () => {
    expect(policy.map((line) => at.follow(line).out)).toHaveLength(LINES.policy);
  });
});

const documents = ['README.md', ...readdirSync(join(CHECKOUT, 'docs')).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: readFileSync(join(CHECKOUT, name), 'utf8') }));

/** What stands in a document as code: whole lines of blocks, with what goes on over their end, and words between backquotes. */
function codeOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```(?:sh|bat)\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const rest = text.replaceAll(/^```[\s\S]*?^```$/gm, '');
  const lines = blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'));
  return [...lines, ...[...rest.matchAll(/`([^`\n]+)`/g)].map(([, words = '']) => words)];
}

const PROGRAMS = { drawbridge: 'drawbridge', server: 'drawbridge-server', gateway: 'drawbridge-gateway' };
const CALL =
  /(?:^|[\s"])(?:npm run (?:-s )?(drawbridge|server|gateway) --|(drawbridge(?:-server|-gateway)?)) ([a-z].*)$/;

type Call = { where: string; program: string; words: string[] };

/** Every use of a command of ours: its program, and the words after it up to what is another command's. */
function callsIn({ name, text }: { name: string; text: string }): Call[] {
  return codeOf(text).flatMap((code) => {
    const [, script, program, rest = ''] = CALL.exec(code) ?? [];
    const own = program ?? PROGRAMS[script as keyof typeof PROGRAMS];
    if (own === undefined) return [];
    const [first = ''] = rest.split(/\s(?:[|<>&;#]|2>)/);
    return [{ where: `${name}: ${code}`, program: own, words: first.split(/\s+/) }];
  });
}

const helps = new Map<string, string>();

/** What the packaged program says of itself, or of a command of its. */
function helpOf(program: string, command: readonly string[]): string {
  const key = [program, ...command].join(' ');
  const file = join(OUT, 'bin/linux-x64', program);
  const help = helps.get(key) ?? spawnSync(file, [...command, '--help'], { encoding: 'utf8' }).stdout;
  helps.set(key, help);
  return help;
}

/** The commands of a help text: each is the first word of a line below `Commands:`. */
function commandsIn(help: string): string[] {
  const section = help.split('\nCommands:\n')[1]?.split(/\n\n/)[0] ?? '';
  return [...section.matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name = '']) => name);
}

/** `device ID approve` is `device approve ID`, and `device ID` is `device show ID`. */
function inOrder({ program, words }: Call): string[] {
  const [first = '', id = '', third = '', ...rest] = words;
  const own = commandsIn(helpOf(program, ['device']));
  if (first !== 'device' || own.includes(id)) return words;
  return own.includes(third) ? [first, third, id, ...rest] : [first, 'show', id, third, ...rest];
}

/** What is wrong with how a document calls a program; null: nothing. */
function whatIsWrong(call: Call): string | null {
  const { where, program } = call;
  const words = program === 'drawbridge-server' ? inOrder(call) : call.words;
  const command: string[] = [];
  for (const word of words) {
    if (!commandsIn(helpOf(program, command)).includes(word)) break;
    command.push(word);
  }
  const help = helpOf(program, command);
  const wasExpected = commandsIn(help).length > 0 && /^[a-z]/.test(words[command.length] ?? '');
  if (wasExpected) return `${where}: there is no ${[...command, words[command.length]].join(' ')}`;
  const strange = words.filter((word) => /^--[a-z]/.test(word) && !help.includes(word.replace(/=.*/, '')));
  return strange.length === 0 ? null : `${where}: no ${strange.join(', ')}`;
}

test('every command and option in the documents is one that the programs have', () => {
  // What is hashed and signed begins with our name there, as commands do.
  const calls = documents.filter(({ name }) => name !== 'docs/protocol.md').flatMap(callsIn);
  expect(calls.length).toBeGreaterThan(100);
  expect(calls.flatMap((call) => whatIsWrong(call) ?? [])).toEqual([]);
});

/** The paths in a .deb of the first version, from `/` on. */
function pathsIn(name: string): string[] {
  const file = join(OUT, 'packages', `${name}_${OLD}_amd64.deb`);
  const { stdout } = spawnSync('/usr/bin/dpkg-deb', ['-c', file], { encoding: 'utf8' });
  return [...stdout.matchAll(/ \.(\/\S+)/g)].map(([, path = '']) => path);
}

test('every file and unit of ours that the documents place on Linux is in a package', () => {
  const packaged = Object.values(PROGRAMS).flatMap(pathsIn);
  const named = (what: RegExp) =>
    documents.flatMap(({ text }) => [...text.matchAll(what)].map(([, one = '']) => one));
  const files = named(
    /(\/(?:usr\/(?:bin|lib|share)|etc\/ppp\/ip-(?:up|down)\.d)\/[\w./-]*\bdrawbridge\b[\w./-]*)/g,
  );
  const units = [
    ...named(/\b(drawbridge[\w-]*)\.service\b/g),
    ...named(/\b(?:systemctl [a-z]+|journalctl -u) (drawbridge[\w-]*)/g),
  ].map((unit) => `/usr/lib/systemd/system/${unit}.service`);
  expect(files.length).toBeGreaterThan(3);
  expect(units.length).toBeGreaterThan(5);
  expect([...files, ...units].filter((path) => !packaged.includes(path))).toEqual([]);
});

test('every package that the documents name is made', () => {
  const named = documents.flatMap(({ text }) => text.match(/\bdrawbridge[\w.-]*\.(?:deb|rpm|msi)\b/g) ?? []);
  expect(named.length).toBeGreaterThan(4);
  const made = (name: string) => existsSync(join(OUT, 'packages', name));
  expect(named.filter((name) => !made(name))).toEqual([]);
});
