import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packArchive, type Archive } from '../../src/agent/archive.ts';
import { createRecorder } from '../../src/agent/recorder.ts';
import { redactAnswers } from '../../src/agent/redact.ts';
import { replayHost } from '../../src/agent/replay.ts';
import { loadReaders } from '../../src/agent/readers.ts';
import type { Verdict } from '../../src/wire/decision.ts';
import { SELF } from '../agent/answers.ts';
import { temporaryFolder } from '../agent/harness.ts';
import { runFolder } from '../conformance/run.ts';

const CLI = join(import.meta.dirname, '../../src/cli/drawbridge.ts');

type Outcome = { code: number | null; out: string; err: string };

function run(argv: string[], cwd?: string): Promise<Outcome> {
  const child = spawn(process.execPath, [CLI, ...argv], { env: { PATH: process.env.PATH ?? '' }, cwd });
  const outcome = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (outcome.out += String(chunk)));
  child.stderr.on('data', (chunk) => (outcome.err += String(chunk)));
  child.stdin.end();
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...outcome })));
}

let state: string;
let file: string;
let captured: Outcome;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'drawbridge-capture-'));
  file = join(state, 'capture.json.gz');
  captured = await run(['capture', '--yes', '--json', '--out', file, '--state', state]);
});

afterAll(() => rm(state, { recursive: true, force: true }));

describe('this computer', () => {
  test('is captured into one file that only its owner reads, and every answer is listed', async () => {
    expect(captured.code).toBe(0);
    const document = JSON.parse(captured.out);
    expect(document).toMatchObject({ file, differing: [], leftOut: 0, root: process.getuid?.() === 0 });
    const stored = JSON.parse(gunzipSync(await readFile(file)).toString('utf8'));
    const listed = document.contents.reduce(
      (sum: number, { answers }: { answers: number }) => sum + answers,
      0,
    );
    expect(listed).toBe(stored.answers.length);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('check --from gives the verdicts of check', async () => {
    const [now, replayed] = await Promise.all([
      run(['check', '--json', '--state', state]),
      run(['check', '--from', file, '--json', '--state', state]),
    ]);
    expect(replayed.code).toBe(now.code);
    // Each counts its deadlines from its own moment.
    const verdicts = (text: string) =>
      (JSON.parse(text).verdicts as Verdict[]).map((verdict) => ({ ...verdict, until: null }));
    expect(verdicts(replayed.out)).toEqual(verdicts(now.out));
    expect(JSON.parse(replayed.out)).toMatchObject({
      device: { id: null, name: null },
      replay: { takenAt: JSON.parse(captured.out).takenAt },
    });
  });

  test('check --from says that it is a replay, of what and from when', async () => {
    const { out } = await run(['check', '--from', file, '--state', state]);
    const { takenAt, system, agent } = JSON.parse(captured.out);
    expect(out.split('\n')[0]).toBe(
      `Not this computer: a replay of a capture taken at ${takenAt} on ${system} by Drawbridge ${agent}.`,
    );
  });

  test('its name and its id are not in the file', async () => {
    const text = gunzipSync(await readFile(file)).toString('utf8');
    expect(text).toContain('/etc/machine-id');
    expect(text).not.toContain((await readFile('/etc/machine-id', 'utf8')).trim());
    // A name that half the world’s computers have is left as it is.
    if (/^(?:localhost|debian|ubuntu|fedora)$/.test(hostname())) return;
    const own = hostname().replaceAll(/[^\w-]/g, '.');
    expect(text).not.toMatch(new RegExp(`(?<![A-Za-z0-9])${own}(?![A-Za-z0-9])`, 'i'));
  });

  test('unpacked, it is a folder of cases that pass', async () => {
    const folder = join(state, 'case');
    expect(await run(['capture', '--unpack', file, folder, '--state', state])).toMatchObject({
      code: 0,
      err: '',
    });
    const results = await runFolder(folder);
    expect(results.length).toBeGreaterThan(5);
    expect(results.filter(({ outcome }) => outcome === 'wrong' || outcome === 'unknown-instead')).toEqual([]);
  });
});

describe('what is written', () => {
  test('nothing without --yes where nobody can be asked, but the list is shown', async () => {
    const cwd = await temporaryFolder();
    const { code, out, err } = await run(['capture', '--check', 'os-version', '--state', state], cwd);
    expect(code).toBe(4);
    expect(err).toContain('--yes');
    expect(out).toMatch(/^file +\/etc\/os-release +\d+/m);
    expect(await readdir(cwd)).toEqual([]);
  });

  test('never over a file that is there', async () => {
    const there = join(await temporaryFolder(), 'there');
    await writeFile(there, 'mine');
    const { code, err } = await run(['capture', '--yes', '--out', there, '--state', state]);
    expect({ code, err }).toEqual({ code: 4, err: `${there} is there already.\n` });
    expect(await readFile(there, 'utf8')).toBe('mine');
  });

  test.each<[string[], string]>([
    [['capture', '--check', 'shell'], 'no check shell'],
    [['capture', '--unpack', '/nowhere/x.gz', '/tmp'], 'cannot be read'],
    [['capture', '--unpack', CLI, '/tmp'], 'is no capture'],
    [['capture', '--unpack', CLI], 'Name the folder'],
    [['check', '--from', CLI], 'is no capture'],
    [['check', '--from', '/dev/zero'], 'is no capture'],
  ])('%j is one sentence, not a stack', async (argv, sentence) => {
    const { code, out, err } = await run([...argv, '--state', state]);
    expect({ code, out }).toEqual({ code: 4, out: '' });
    expect(err).toContain(sentence);
    expect(err).not.toContain('    at ');
  });
});

/** A laptop with a VPN set up by hand, whose secrets lie where the readers look. */
const PSK = 'Tr0ub4dor&3-horse';
const PLANTED: Record<string, string> = {
  '/etc/os-release': 'ID=debian\nPRETTY_NAME="Debian 13"\n',
  '/etc/machine-id': '8f3b2a1c9d0e4f5a8b7c6d5e4f3a2b1c\n',
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nlena:x:1000:1000:Lena Holm:/home/lena:/bin/sh\n',
  '/etc/swanctl/swanctl.conf': `connections { fjord { remote_addrs = vpn.holm.example
    local { auth = psk
      id = lena@holm.example } children { fjord { mode = transport
    remote_ts = dynamic[udp/1701] } } } }\nsecrets { ike { secret = "${PSK}" } }\n`,
  '/etc/xl2tpd/xl2tpd.conf': `[lac fjord]\nlns = vpn.holm.example\npassword = ${PSK}\n`,
  '/proc/1/environ': `DATABASE=postgres://lena:${PSK}@db/x\0`,
};

test('secrets and names that a computer holds are not in its capture', async () => {
  const recorder = createRecorder();
  const readers = recorder.record(await loadReaders('linux'), [
    'os-version',
    'disk-encryption',
    'vpn-client',
    'agent',
  ]);
  const files = new Map(Object.entries(PLANTED).map(([path, content]) => [path, Buffer.from(content)]));
  const host = replayHost({
    root: true,
    commands: [],
    files,
    dirs: new Map(),
    links: new Map(),
    probes: new Map(),
  });
  for (const check of ['os-version', 'disk-encryption', 'vpn-client', 'agent'] as const)
    await readers[check](host);
  const { answers } = recorder.notes();
  expect(answers.map((one) => 'path' in one && one.path).toSorted()).toEqual(Object.keys(PLANTED).toSorted());
  const archive: Archive = {
    takenAt: '2026-11-20T08:00:00.000Z',
    agent: '1.2.3',
    platform: 'linux',
    system: 'Debian 13',
    root: true,
    checks: ['os-version', 'disk-encryption', 'vpn-client', 'agent'],
    self: SELF,
    leftOut: 0,
    answers: redactAnswers(answers, { hosts: ['fjord-17'], users: [] }).map(({ answer }) => answer),
  };
  const text = gunzipSync(packArchive(archive)).toString('utf8');
  for (const word of [PSK, 'ub4dor', 'lena', 'Holm', '8f3b2a1c', 'postgres'])
    expect(text.toLowerCase()).not.toContain(word.toLowerCase());
  expect(text).toContain('mode = transport');
});
