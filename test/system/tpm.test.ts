// Keys in a TPM 2.0: Debian's swtpm and tpm2-tools, the real agent, the real server.
import { spawn, spawnSync } from 'node:child_process';
import { createPublicKey, diffieHellman, generateKeyPairSync, verify } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createKeys, keyPath, openKeys, type KeyHome } from '../../src/agent/key-choice.ts';
import { createTpmKeys, openTpmKeys } from '../../src/agent/key-tpm.ts';
import type { KeyStore } from '../../src/agent/keys.ts';
import { tpmProblem, withTpm } from '../../src/agent/tpm-tools.ts';
import { publicJwk, type PublicJwk } from '../../src/wire/envelope.ts';
import { holdsPrivateKey } from '../support/private-key-search.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';
import { hasSoftwareTpm, startSoftwareTpm, type SoftwareTpm } from '../support/software-tpm.ts';

const CLI = join(import.meta.dirname, '../../src/cli/drawbridge.ts');
const SERVER_CLI = join(import.meta.dirname, '../../src/cli/drawbridge-server.ts');
const MESSAGE = Buffer.from('said');
const choice = { wanted: 'auto', platform: 'linux', isRoot: true, hasSession: false } as const;
const where = { kind: 'tpm', slot: 'a' } as const;

let root: string;
let tpm: SoftwareTpm;
const folder = (name: string) => mkdtempSync(join(root, `${name}-`));
const homeAt = (stateDir: string, chip = tpm): KeyHome => ({ stateDir, tcti: chip.tcti });

async function signs(keys: KeyStore | null): Promise<boolean> {
  if (keys === null) return false;
  const { report } = await keys.publicJwks();
  const key = { key: report, format: 'jwk', dsaEncoding: 'ieee-p1363' } as const;
  return verify('sha256', MESSAGE, key, await keys.sign(MESSAGE));
}

/** Every file below a folder, and what it holds. */
function contents(path: string): Map<string, Buffer> {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => statSync(join(path, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(path, name))]));
}

describe.runIf(hasSoftwareTpm)('a TPM (needs swtpm, tpm2-tools)', () => {
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'drawbridge-tpm-test-'));
    tpm = await startSoftwareTpm(folder('chip'));
  });
  afterAll(async () => {
    await tpm.stop();
    rmSync(root, { recursive: true, force: true });
  });

  test('signs and agrees, also after it has lost its power', async () => {
    const home = homeAt(folder('state'));
    const { kind, keys } = await createKeys({ ...choice, home });
    expect([kind, keys.protection]).toEqual(['tpm', 'tpm']);
    expect(await signs(keys)).toBe(true);
    const { encryption } = await keys.publicJwks();
    const peer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicKey = createPublicKey({ key: encryption, format: 'jwk' });
    const expected = diffieHellman({ privateKey: peer.privateKey, publicKey });
    const shown = publicJwk.parse(peer.publicKey.export({ format: 'jwk' }));
    expect(expected.equals(await keys.agree(shown))).toBe(true);
    await tpm.stop();
    await tpm.start();
    expect(await signs(keys)).toBe(true);
    const reopened = await openKeys(where, home);
    expect(await reopened?.publicJwks()).toEqual(await keys.publicJwks());
    expect(await signs(reopened)).toBe(true);
  });

  test('serves several who ask at once, one after the other', async () => {
    const { keys } = await createKeys({ ...choice, home: homeAt(folder('state')) });
    expect(await Promise.all([signs(keys), signs(keys), signs(keys)])).toEqual([true, true, true]);
  });

  test('a copied state folder cannot sign at another TPM, and is told so', async () => {
    const home = homeAt(folder('state'));
    await createKeys({ ...choice, home });
    const copy = folder('copy');
    cpSync(home.stateDir, copy, { recursive: true });
    const other = await startSoftwareTpm(folder('other-chip'));
    onTestFinished(() => other.stop());
    const keys = await openKeys(where, homeAt(copy, other));
    await expect(keys?.sign(MESSAGE)).rejects.toMatchObject({
      problem: 'foreign',
      message: expect.stringContaining('belong to another TPM'),
    });
    expect(await signs(await openKeys(where, homeAt(copy)))).toBe(true);
  });

  test('gone: said so, and nothing in software takes its place', async () => {
    const home = homeAt(folder('state'));
    await createKeys({ ...choice, home });
    const fresh = homeAt(folder('state'));
    await tpm.stop();
    try {
      const keys = await openKeys(where, home);
      await expect(keys?.sign(MESSAGE)).rejects.toMatchObject({
        problem: 'gone',
        message: expect.stringContaining('is not there'),
      });
      await expect(createKeys({ ...choice, home: fresh })).rejects.toThrow(/TPM.*To enrol without the TPM/s);
      expect(readdirSync(fresh.stateDir)).toEqual([]);
    } finally {
      await tpm.start();
    }
    expect(await signs(await openKeys(where, home))).toBe(true);
  });

  describe('kept busy by somebody else', () => {
    /** swtpm serves one connection after the other: whoever has one keeps all others waiting. */
    async function keptBusy(): Promise<() => void> {
      const socket = connect(tpm.port, '127.0.0.1');
      await once(socket, 'connect');
      onTestFinished(() => void socket.destroy());
      return () => void socket.destroy();
    }

    test('it is waited for', async () => {
      const { keys } = await createKeys({ ...choice, home: homeAt(folder('state')) });
      const release = await keptBusy();
      let isOver = false;
      const signed = signs(keys).finally(() => (isOver = true));
      await sleep(1_500);
      expect(isOver).toBe(false);
      release();
      expect(await signed).toBe(true);
    });

    test('for a time; then it is said, and no key in software takes its place', async () => {
      const home = homeAt(folder('state'));
      await createKeys({ ...choice, home });
      const fresh = join(folder('state'), 'keys.tpm.json');
      const release = await keptBusy();
      const busy = { problem: 'busy', message: expect.stringContaining('TPM does not answer') };
      const keys = await openTpmKeys(keyPath(where, home), tpm.tcti, 500);
      await expect(keys?.sign(MESSAGE)).rejects.toMatchObject(busy);
      await expect(createTpmKeys(fresh, tpm.tcti, 500)).rejects.toMatchObject(busy);
      expect(existsSync(fresh)).toBe(false);
      release();
      expect(await signs(await openKeys(where, home))).toBe(true);
    });

    test('full of what others have loaded: said so, and over when they are gone', async () => {
      const home = homeAt(folder('state'));
      await createKeys({ ...choice, home });
      // As with a kernel that has no resource manager: nobody flushes what a program that has ended had loaded.
      const argv = ['createprimary', '-Q', '-T', tpm.tcti, '-C', 'o', '-G', 'ecc256', '-c', '/dev/null'];
      const loaded = Array.from({ length: 5 }, () => spawnSync('/usr/bin/tpm2', argv, { encoding: 'utf8' }));
      const refused = loaded.find(({ status }) => status !== 0);
      expect(tpmProblem({ code: 1, stderr: refused?.stderr ?? '', failure: null })).toBe('busy');
      // Ours makes room first.
      expect(await signs(await openKeys(where, home))).toBe(true);
    });
  });

  test('locked by wrong passwords of somebody else’s: our key signs on; what is locked is told', async () => {
    const home = homeAt(folder('state'));
    const { keys } = await createKeys({ ...choice, home });
    const tries: unknown[] = [];
    await withTpm(tpm.tcti, async (task) => {
      await task.tool('createprimary', ['-Q', '-C', 'o', '-G', 'ecc256', '-c', '@p']);
      await task.tool('create', [
        '-Q',
        '-C',
        '@p',
        '-G',
        'ecc256:ecdsa-sha256',
        '-p',
        'right',
        '-u',
        '@u',
        '-r',
        '@r',
      ]);
      await task.tool('load', ['-Q', '-C', '@p', '-u', '@u', '-r', '@r', '-c', '@k']);
      await task.tool('dictionarylockout', ['-s', '-n', '1', '-t', '1000', '-l', '1000']);
      await task.write('m', MESSAGE);
      for (let attempt = 0; attempt < 3; attempt += 1)
        await task
          .tool('sign', ['-c', '@k', '-p', 'wrong', '-g', 'sha256', '-o', '@s', '@m'])
          .catch((error: unknown) => tries.push(error));
    });
    expect(tries.at(-1)).toMatchObject({
      problem: 'locked-out',
      message: expect.stringContaining('dictionarylockout -c'),
    });
    expect(await signs(keys)).toBe(true);
    expect(await signs(await openKeys(where, home))).toBe(true);
  });

  test('an owner’s password in the way is told', async () => {
    const home = homeAt(folder('state'));
    await createKeys({ ...choice, home });
    await withTpm(tpm.tcti, (task) => task.tool('changeauth', ['-c', 'o', 'secret']));
    try {
      await expect((await openKeys(where, home))?.sign(MESSAGE)).rejects.toMatchObject({
        problem: 'owner-password',
      });
    } finally {
      await withTpm(tpm.tcti, (task) => task.tool('changeauth', ['-c', 'o', '-p', 'secret']));
    }
  });

  describe('an agent with it', () => {
    let server: ServerProcess;
    let data: ServerFolder;
    beforeAll(async () => {
      data = serverFolder(0);
      server = await startServerProcess(data.path);
    });
    afterAll(async () => {
      await server.kill('SIGTERM');
      data.remove();
    });

    /** A settings file that names a TPM; the VPN is left alone. */
    function settings(chip = tpm): string {
      const file = join(folder('settings'), 'agent.yaml');
      writeFileSync(file, `tpm: "${chip.tcti}"\nvpn: { mode: observe }\n`);
      return file;
    }

    /** Enrols, with every program that is started on record: argv and environment. */
    function enroll(stateDir: string, log: string) {
      const argv = [
        'enroll',
        '--server',
        server.target.url,
        '--token-stdin',
        '--config',
        settings(),
        '--state',
        stateDir,
      ];
      const traced = ['-f', '-v', '-s', '65536', '-xx', '-e', 'trace=execve', '-o', log];
      return spawnSync('/usr/bin/strace', [...traced, process.execPath, CLI, ...argv], {
        input: data.token(),
        encoding: 'utf8',
        env: { PATH: '/usr/bin:/bin' },
      });
    }

    function startDaemon(config: string, stateDir: string) {
      const argv = [CLI, 'agent', '--config', config, '--state', stateDir];
      const child = spawn(process.execPath, argv, { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const stop = async () => {
        child.kill('SIGTERM');
        await ended;
      };
      onTestFinished(stop);
      return { stop, pid: child.pid ?? 0 };
    }

    test('reports in its name; no private key is in its folder, arguments or environment; a copy gets nowhere', async () => {
      const stateDir = folder('state');
      const log = join(folder('log'), 'strace');
      const enrolled = enroll(stateDir, log);
      expect(enrolled.stderr).toBe('');
      const record = JSON.parse(readFileSync(join(stateDir, 'enrolment.json'), 'utf8')) as { device: string };
      expect(record).toMatchObject({ keyStore: 'tpm', status: 'enrolled' });
      const { stop, pid } = startDaemon(settings(), stateDir);
      const document = await patiently('the report to be judged', () => deviceOf(record.device));
      expect(document).toMatchObject({
        readings: { agent: { state: 'known', fact: { keyProtection: 'tpm' } } },
        device: { id: record.device },
      });
      const keys = await (await openKeys(where, homeAt(stateDir)))?.publicJwks();
      const exposed = new Map([
        ...contents(stateDir),
        ['programs started', unescaped(readFileSync(log, 'latin1'))],
        ...['cmdline', 'environ'].map((name) => [name, readFileSync(`/proc/${pid}/${name}`)] as const),
      ]);
      expect(exposed.get('programs started')?.toString('latin1')).toContain('/usr/bin/tpm2');
      expect(foundIn(exposed, [keys?.report, keys?.encryption])).toEqual([]);
      await stop();
      await copyIsRefused(stateDir);
    });

    async function copyIsRefused(stateDir: string) {
      const copy = folder('copy');
      cpSync(stateDir, copy, { recursive: true });
      const other = await startSoftwareTpm(folder('other-chip'));
      onTestFinished(() => other.stop());
      const config = settings(other);
      const doctor = spawnSync(
        process.execPath,
        [CLI, 'doctor', '--config', config, '--state', copy, '--json'],
        { encoding: 'utf8' },
      );
      const { findings } = JSON.parse(doctor.stdout) as { findings: { name: string }[] };
      expect(findings.find(({ name }) => name === 'keys')).toMatchObject({
        level: 'fail',
        found: expect.stringContaining('another TPM'),
      });
      startDaemon(config, copy);
      await patiently('the copy to be told', () => {
        const status = JSON.parse(readFileSync(join(copy, 'status.json'), 'utf8')) as {
          connection: { because?: string };
        };
        return status.connection.because === 'keys';
      });
    }

    test('keys in a file move into the TPM, and what they were is worth nothing', () => {
      const stateDir = folder('state');
      const here = ['--config', settings(), '--state', stateDir];
      const run = (argv: string[], input = '') =>
        spawnSync(process.execPath, [CLI, ...argv], {
          input,
          encoding: 'utf8',
          env: { PATH: '/usr/bin:/bin' },
        });
      const inFile = join(folder('settings'), 'agent.yaml');
      writeFileSync(inFile, 'keyStore: file\n');
      const start = [
        'enroll',
        '--server',
        server.target.url,
        '--token-stdin',
        '--config',
        inFile,
        '--state',
        stateDir,
      ];
      expect(run(start, data.token()).status).toBe(0);
      // Another test may have a device on this very computer: then this one waits.
      const { device } = JSON.parse(readFileSync(join(stateDir, 'enrolment.json'), 'utf8')) as {
        device: string;
      };
      spawnSync(process.execPath, [SERVER_CLI, 'device', 'approve', device, '--data', data.path]);
      const moved = run(['rotate-key', ...here]);
      expect(moved).toMatchObject({ status: 0, stdout: expect.stringContaining('moved from file to tpm') });
      const record = JSON.parse(readFileSync(join(stateDir, 'enrolment.json'), 'utf8')) as { device: string };
      expect(record).toMatchObject({ keyStore: 'tpm', keySlot: 'b', next: null });
      const { findings } = JSON.parse(run(['doctor', ...here, '--json']).stdout) as {
        findings: { name: string }[];
      };
      expect(findings.find(({ name }) => name === 'keys')).toMatchObject({
        level: 'ok',
        found: 'kept in: tpm (tpm)',
      });
    });

    test('the search would have found one', async () => {
      const stateDir = folder('state');
      const { keys } = await createKeys({ ...choice, wanted: 'file', home: homeAt(stateDir) });
      const { report } = await keys.publicJwks();
      const text = readFileSync(join(stateDir, 'keys.json'), 'utf8');
      const { d } = (JSON.parse(text) as { report: { d: string } }).report;
      const bytes = Buffer.from(d, 'base64url');
      const spread = {
        file: Buffer.from(text),
        bytes: Buffer.concat([Buffer.alloc(7, 0xee), bytes, Buffer.alloc(9, 0xff)]),
        hex: Buffer.from(`--key=${bytes.toString('hex')}`),
        base64: Buffer.from(`KEY=${bytes.toString('base64')}\0PATH=/`),
      };
      expect(foundIn(new Map(Object.entries(spread)), [report])).toEqual(Object.keys(spread));
      expect(foundIn(new Map([['nothing', Buffer.alloc(64, 0x5a)]]), [report])).toEqual([]);
    });

    function deviceOf(id: string): { readings: { agent?: { state: string } } } | null {
      const done = spawnSync(process.execPath, [SERVER_CLI, 'device', id, '--data', data.path, '--json'], {
        encoding: 'utf8',
      });
      const document = JSON.parse(done.stdout) as { readings: { agent?: { state: string } } };
      return document.readings.agent?.state === 'known' ? document : null;
    }
  });
});

/** The first report takes as long as reading everything does. */
async function patiently<T>(what: string, check: () => T | null | false): Promise<T> {
  const deadline = performance.now() + 90_000;
  while (performance.now() < deadline) {
    const value = check();
    if (value !== null && value !== false) return value;
    await sleep(200);
  }
  throw new Error(`did not happen: ${what}`);
}

function foundIn(places: ReadonlyMap<string, Buffer>, keys: readonly (PublicJwk | undefined)[]): string[] {
  const known = keys.filter((key) => key !== undefined);
  expect(known).toHaveLength(keys.length);
  return [...places].flatMap(([name, content]) => (holdsPrivateKey(content, known) ? [name] : []));
}

/** What strace has written with -xx. */
function unescaped(text: string): Buffer {
  return Buffer.from(
    text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}
