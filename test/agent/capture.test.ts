import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Host } from '../../collectors/check.ts';
import { checkIds, type Readers } from '../../collectors/specs.ts';
import { writeCases } from '../../src/agent/archive-folder.ts';
import { differingChecks, replayArchive } from '../../src/agent/archive-replay.ts';
import { openArchive, packArchive, recordingOf, type Archive } from '../../src/agent/archive.ts';
import { createRecorder, type Answer } from '../../src/agent/recorder.ts';
import { REPLAYED_SELF, replayHost, type Recording } from '../../src/agent/replay.ts';
import { loadReaders } from '../../src/agent/readers.ts';
import { lsblk, nft, uname } from '../../src/base/commands.ts';
import { known } from '../../src/base/reading.ts';
import { runFolder } from '../conformance/run.ts';
import { SELF } from './answers.ts';
import { temporaryFolder } from './harness.ts';

const STATUS = { modifiedMs: 17, mode: 0o600, uid: 0, kind: 'file', size: 3, inode: 9 } as const;

const machine: Recording = {
  root: true,
  self: SELF,
  commands: [
    { argv: ['/usr/bin/uname', '-r'], stdout: '6.1.0\n', stderr: '', exit: 0 },
    { argv: ['/usr/bin/lsblk', '-J'], stdout: '', stderr: 'lsblk: no\n', exit: 1 },
    { argv: ['/usr/sbin/nft', 'list'], stdout: 'half', stderr: '', exit: -1, failure: 'timeout' },
    { argv: ['/usr/bin/uname', '-m'], stdin: 'in', as: 'lena', stdout: 'x86_64\n', stderr: '', exit: 0 },
  ],
  files: new Map([
    ['/etc/os-release', Buffer.from('ID=debian\nNAME=Debian\nPRETTY_NAME="Debian 13"\nVERSION_ID="13"\n')],
    ['/sys/firmware/x', Buffer.from([6, 0, 0, 0, 0xff])],
  ]),
  dirs: new Map([['/etc', ['a', 'b']]]),
  links: new Map([['/etc/link', '../target']]),
  probes: new Map([['tpm', { ok: true, ms: 3, data: { TpmPresent: true } }]]),
  statuses: new Map([['/etc/secret', STATUS]]),
  problems: [
    { door: 'file', path: '/etc/shadow', problem: 'denied' },
    { door: 'folder', path: '/root', problem: 'denied' },
  ],
};

/** Asks everything that the machine answers, twice, and a few things that it does not. */
async function askAll(host: Host): Promise<unknown[]> {
  const once = async () => [
    await host.run(uname, ['-r']),
    await host.run(lsblk, ['-J']),
    await host.run(nft, ['list']),
    await host.run(uname, ['-m'], { stdin: 'in', as: 'lena' }),
    await host.run(uname, ['-a']),
    await host.readText('/etc/os-release'),
    await host.readBytes('/sys/firmware/x'),
    await host.readText('/etc/shadow'),
    await host.readText('/etc/missing'),
    await host.list('/etc'),
    await host.list('/root'),
    await host.readLink('/etc/link'),
    await host.status('/etc/secret'),
    await host.status('/etc/missing'),
    await host.probe('tpm'),
    await host.probe('defender'),
  ];
  return [...(await once()), ...(await once())];
}

async function record(recording: Recording): Promise<{ answers: unknown[]; noted: Answer[] }> {
  const recorder = createRecorder();
  let answers: unknown[] = [];
  const ask = async (host: Host) => {
    answers = await askAll(host);
    return known({ matches: [] });
  };
  const readers = { ...(await loadReaders('linux')), processes: ask } satisfies Readers;
  await recorder.record(readers, ['processes']).processes(replayHost(recording));
  return { answers, noted: recorder.notes().answers };
}

async function archiveOf(recording: Recording): Promise<Archive> {
  const { noted } = await record(recording);
  return {
    takenAt: '2026-11-20T08:00:00.000Z',
    agent: '1.2.3',
    platform: 'linux',
    system: 'Debian 13',
    root: true,
    checks: ['os-version'],
    self: SELF,
    leftOut: 0,
    answers: noted.map((answer) => ({ ...answer, checks: ['os-version'] })),
  };
}

describe('recorder', () => {
  test('what was noted answers as the machine did, each question once', async () => {
    const { answers, noted } = await record(machine);
    expect(noted).toHaveLength(12);
    const replayed = await askAll(replayHost(recordingOf({ root: true, self: SELF, answers: noted })));
    expect(replayed).toEqual(answers);
  });

  test('knows which check asked, and leaves the others out', async () => {
    const recorder = createRecorder();
    const readers = recorder.record(await loadReaders('linux'), ['os-version', 'os-patch']);
    const host = replayHost(machine);
    await Promise.all([readers['os-version'](host), readers['os-patch'](host)]);
    const release = recorder
      .notes()
      .answers.find((one) => one.kind === 'file' && one.path === '/etc/os-release');
    expect(release?.checks).toContain('os-version');
    expect(await readers.firewall(host)).toMatchObject({ state: 'unknown', why: 'not-applicable' });
    expect(recorder.notes()).toMatchObject({ root: true, self: SELF, leftOut: 0 });
  });

  test('is bounded: what is too much is counted', async () => {
    const files = new Map(Array.from({ length: 30 }, (_, index) => [`/big/${index}`, Buffer.alloc(2 ** 21)]));
    const recorder = createRecorder();
    const ask = async (host: Host) => {
      for (const path of files.keys()) await host.readBytes(path);
      return known({ matches: [] });
    };
    const readers = recorder.record({ ...(await loadReaders('linux')), processes: ask }, ['processes']);
    await readers.processes(replayHost({ ...machine, files }));
    const { answers, leftOut } = recorder.notes();
    expect(leftOut).toBeGreaterThan(0);
    expect(answers.length + leftOut).toBe(30);
  });
});

describe('archive', () => {
  test('comes back as it was', async () => {
    const archive = await archiveOf(machine);
    const opened = openArchive(packArchive(archive));
    expect(opened).toMatchObject({ ok: true });
    if (opened.ok) {
      const before = await askAll(replayHost(recordingOf(archive)));
      expect(await askAll(replayHost(recordingOf(opened.value)))).toEqual(before);
    }
  });

  test('is replayed through the readers; checks that it does not hold are not judged', async () => {
    const readings = await replayArchive(await archiveOf(machine));
    expect(readings['os-version']).toMatchObject({ state: 'known', fact: { version: '13' } });
    expect(readings.firewall).toMatchObject({ state: 'unknown', why: 'not-applicable' });
  });

  test('two that read otherwise are told apart', async () => {
    const archive = await archiveOf(machine);
    expect(await differingChecks(archive, archive)).toEqual([]);
    expect(await differingChecks(archive, { ...archive, answers: [] })).toEqual(['os-version']);
  });

  const pack = (document: unknown) => gzipSync(JSON.stringify(document));
  const head = {
    format: 'drawbridge-capture',
    version: 1,
    takenAt: '2026-11-20T08:00:00.000Z',
    agent: '1',
    platform: 'linux',
    system: null,
    root: true,
    checks: [],
    self: SELF,
    leftOut: 0,
    answers: [],
  };

  test('the smallest one is one', () => {
    expect(openArchive(pack(head))).toMatchObject({ ok: true });
  });

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['no gzip', Buffer.from('{}')],
    ['a bomb', gzipSync(Buffer.alloc(200 * 1024 * 1024, ' '))],
    ['no JSON', gzipSync('{"format":')],
    ['another document', pack({})],
    ['a later version', pack({ ...head, version: 2 })],
    ['another system', pack({ ...head, platform: 'plan9' })],
    ['a check that there is none', pack({ ...head, checks: ['shell'] })],
    [
      'too many answers',
      pack({
        ...head,
        answers: Array.from({ length: 20_001 }, () => ({ kind: 'link', checks: [], path: 'a', target: 'b' })),
      }),
    ],
    ['an answer of another kind', pack({ ...head, answers: [{ kind: 'run', checks: [] }] })],
    [
      'a command without a name',
      pack({
        ...head,
        answers: [{ kind: 'command', checks: [], argv: [], stdout: '', stderr: '', exit: 0 }],
      }),
    ],
    [
      'a path without end',
      pack({ ...head, answers: [{ kind: 'link', checks: [], path: '/'.repeat(5_000), target: '' }] }),
    ],
  ])('%s is refused with a sentence', (_, packed) => {
    const opened = openArchive(packed);
    expect(opened).toMatchObject({ ok: false });
    if (!opened.ok) expect(opened.error).toMatch(/^it is /);
  });

  test('any bytes and any JSON are refused or read, never thrown at', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => openArchive(bytes).ok === false));
    fc.assert(fc.property(fc.json(), (json) => openArchive(gzipSync(json)).ok === false));
    const noisy = fc.record({
      kind: fc.constantFrom('command', 'file', 'folder'),
      path: fc.anything(),
      names: fc.anything(),
    });
    fc.assert(
      fc.property(
        fc.array(noisy, { maxLength: 3, minLength: 1 }),
        (answers) => !openArchive(pack({ ...head, answers })).ok,
      ),
    );
  });
});

describe('unpacking', () => {
  test('gives cases that pass today', async () => {
    const folder = join(await temporaryFolder(), 'case');
    const archive = await archiveOf(machine);
    const written = await writeCases(
      archive,
      await replayArchive({ ...archive, self: REPLAYED_SELF }),
      folder,
    );
    expect(written).toEqual({ ok: true, value: { cases: 1, captures: 12 } });
    expect(await runFolder(folder)).toMatchObject([{ id: 'linux/os-version/capture', outcome: 'pass' }]);
  });

  test('uses no name from the archive for a file', async () => {
    const base = await temporaryFolder();
    const folder = join(base, 'case');
    const paths = ['../../escape', '/etc/passwd', '..\\up', 'captures/../../x', '__proto__', 'a\0b'];
    const answers = paths.flatMap((path): Answer[] => [
      { kind: 'file', checks: [...checkIds], path, content: Buffer.from('x') },
      { kind: 'command', checks: [...checkIds], argv: [path], stdout: 'x', stderr: 'y', exit: 0 },
      { kind: 'probe', checks: [...checkIds], name: path, answer: { ok: true, ms: 0, data: 1 } },
    ]);
    const archive: Archive = {
      ...(await archiveOf(machine)),
      system: '../s',
      checks: [...checkIds],
      answers,
    };
    await writeCases(archive, await replayArchive(archive), folder);
    expect(await readdir(base)).toEqual(['case']);
    expect((await readdir(folder)).toSorted()).toEqual(['captures', 'cases.jsonl']);
    const names = await readdir(join(folder, 'captures'));
    expect(names.filter((name) => !/^\d{4}\.(?:txt|err|json)$/.test(name))).toEqual([]);
  });

  test('a folder that is not empty stays as it is, whatever lies in it', async () => {
    const folder = await temporaryFolder();
    const elsewhere = join(await temporaryFolder(), 'elsewhere');
    await mkdir(elsewhere);
    await symlink(elsewhere, join(folder, 'captures'));
    const archive = await archiveOf(machine);
    const written = await writeCases(archive, await replayArchive(archive), folder);
    expect(written).toMatchObject({ ok: false });
    expect(await readdir(elsewhere)).toEqual([]);
    await writeFile(join(elsewhere, 'one'), 'x');
    expect(await writeCases(archive, await replayArchive(archive), elsewhere)).toMatchObject({ ok: false });
    expect(await readFile(join(elsewhere, 'one'), 'utf8')).toBe('x');
    expect((await lstat(join(folder, 'captures'))).isSymbolicLink()).toBe(true);
  });
});
