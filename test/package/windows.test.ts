import type { ChildProcess } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import type { PublicJwk } from '../../src/wire/envelope.ts';
import { freeTcpPort } from '../support/freeradius.ts';
import { holdsPrivateKey } from '../support/private-key-search.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { Wine, whyNoWine, type Ran } from '../support/wine.ts';
import { addTpm, type TpmDouble } from '../support/windows-tpm-double.ts';
import { moduleUnder, nodeUnder } from '../support/wine-node.ts';
import { OLD, OUT } from './build.ts';

const why = whyNoWine();
if (why !== null) process.stderr.write(`windows.test.ts: ${why}\n`);

const missingTools = ['/usr/bin/clang', '/usr/bin/lld', '/usr/share/mingw-w64/include/ncrypt.h'].filter(
  (file) => !existsSync(file),
);
if (missingTools.length > 0)
  process.stderr.write(`windows.test.ts: not installed: ${missingTools.join(', ')}\n`);

const BIN = join(OUT, 'bin/win-x64');
const FILES = ['drawbridge.exe', 'keyring.node', 'koffi.node'];

type Reading = { state: 'known' | 'unknown'; why?: string; detail?: string };

describe.runIf(why === null)('the executable of Windows under Wine', () => {
  let wine: Wine;
  let exe = '';
  const drawbridge = (...argv: string[]) => wine.run(exe, argv);

  beforeAll(async () => {
    wine = await Wine.open();
    const folder = join(wine.drive, 'Program Files/Drawbridge');
    mkdirSync(folder, { recursive: true });
    for (const name of FILES) copyFileSync(join(BIN, name), join(folder, name));
    exe = 'C:\\Program Files\\Drawbridge\\drawbridge.exe';
  });
  afterAll(() => wine.close());

  test('starts, and says which version it is', async () => {
    expect(await drawbridge('--version')).toEqual({ code: 0, stdout: `${OLD}\n`, stderr: '' });
  });

  test('reads what this strange Windows answers: no guess, a reason for everything else', async () => {
    const { code, stdout, stderr } = await drawbridge('check', '--json');
    expect(stderr).toBe('');
    const { device, readings } = JSON.parse(stdout) as {
      device: { platform: string };
      readings: Record<string, Reading>;
    };
    expect(device.platform).toBe('windows');
    expect(Object.keys(readings).toSorted()).toEqual([...checkIds].toSorted());
    // Wine has PowerShell by name only. What the executable knows by itself is all that is known.
    const known = Object.keys(readings).filter((id) => readings[id]?.state === 'known');
    expect(known).toEqual(['processes', 'agent']);
    for (const reading of Object.values(readings).filter(({ state }) => state === 'unknown'))
      expect(reading).toMatchObject({ why: expect.stringMatching(/./), detail: expect.stringMatching(/./) });
    expect(code).toBe(3);
  });

  test('calls Windows’ own functions, and hears why one failed', async () => {
    const code = `
      import { windowsApi } from ${moduleUnder(wine, 'src/base/windows-api.ts')};
      const { declare, lastError } = await windowsApi();
      const ownId = declare('kernel32', 'GetCurrentProcessId', ['uint32_t']);
      const open = declare('kernel32', 'OpenProcess', ['void *', 'uint32_t', 'int', 'uint32_t']);
      const handle = open(0x400, 0, 0x7ffffff1);
      console.log(JSON.stringify({ own: ownId() === process.pid, handle, error: lastError() }));`;
    const { stdout, stderr } = await nodeUnder(wine, join(OUT, 'cache'))(code);
    expect(stderr).toBe('');
    // 87: there is no such process.
    expect(JSON.parse(stdout)).toEqual({ own: true, handle: null, error: 87 });
  });

  test('what group policy sets outranks the settings file, and doctor says so', async () => {
    const key = 'HKLM\\SOFTWARE\\Policies\\Drawbridge\\Agent';
    const add = (name: string, type: string, data: string) =>
      wine.run('reg', ['add', key, '/v', name, '/t', type, '/d', data, '/f', '/reg:64']);
    const doctor = async () => {
      const { stdout } = await drawbridge('doctor', '--json', '--config', 'C:\\own.yaml');
      const { findings } = JSON.parse(stdout) as {
        findings: { name: string; level: string; found: string }[];
      };
      return findings
        .filter(({ name }) => name.startsWith('manage'))
        .map(({ level, found }) => `${level}: ${found}`);
    };
    writeFileSync(join(wine.drive, 'own.yaml'), 'vpn: { allowedGateways: [own.example], mode: observe }\n');
    expect(await doctor()).toEqual([]);
    await add('vpn.allowedGateways', 'REG_MULTI_SZ', 'a.example\\0b.example');
    await add('collect.everySeconds', 'REG_DWORD', '60');
    await add('tray.enabled', 'REG_DWORD', '7');
    expect(await doctor()).toEqual([
      'ok: 60',
      'ok: a.example, b.example; the settings file’s own.example is overridden',
      'warn: true, since what management says makes no sense',
      'fail: tray.enabled: has to be true or false, given "0x7"',
    ]);
    expect((await wine.run('reg', ['delete', key, '/f', '/reg:64'])).code).toBe(0);
    expect(await doctor()).toEqual([]);
  });

  describe('keys by Windows’ data protection', () => {
    let folder: ServerFolder;
    let server: ServerProcess;
    let agent: ChildProcess;
    let enrolled: Ran;
    const own = () => join(wine.drive, 'ProgramData/Drawbridge');
    const inState = (name: string) => join(own(), 'state', name);
    const state = 'C:\\ProgramData\\Drawbridge\\state';

    beforeAll(async () => {
      folder = serverFolder(await freeTcpPort());
      server = await startServerProcess(folder.path);
      const token = join(wine.folder, 'token');
      writeFileSync(token, folder.token(), { mode: 0o600 });
      mkdirSync(own(), { recursive: true });
      const ca = wine.inside(join(folder.path, 'tls-ca.pem'));
      writeFileSync(join(own(), 'agent.yaml'), `keyStore: dpapi\nserver:\n  caFile: ${ca}\n`);
      agent = wine.start('agent', exe, ['agent']);
      // By somebody else than the agent's account: the agent itself makes the keys.
      const argv = ['enroll', '--server', server.target.url, '--token-file', wine.inside(token), '--json'];
      enrolled = await wine.run(exe, argv, { timeoutMs: 150_000 });
    });
    afterAll(async () => {
      agent?.kill('SIGKILL');
      await server?.kill('SIGKILL');
      folder?.remove();
    });

    test('an enrolled agent’s reports verify, and say how the keys are kept', async () => {
      const { device, keyStore } = JSON.parse(readFileSync(inState('enrolment.json'), 'utf8')) as {
        device: string;
        keyStore: string;
      };
      expect(enrolled.stderr).toBe('');
      expect(JSON.parse(enrolled.stdout)).toMatchObject({ device, status: 'enrolled', keyStore: 'dpapi' });
      expect(keyStore).toBe('dpapi');
      expect(existsSync(join(own(), 'enroll'))).toBe(false);
      const reported = () => folder.device(device).readings.agent as { fact?: { keyProtection?: unknown } };
      await waitFor('a report', () => reported()?.fact?.keyProtection === 'os-keystore', 60);
      // What follows needs it no more, and it is busy.
      agent.kill('SIGKILL');
    });

    /** For each file the public keys, or why they cannot be used. */
    const openedAs = async (user: string, ...files: string[]) => {
      const code = `
        import { openDpapiKeys } from ${moduleUnder(wine, 'src/agent/key-dpapi.ts')};
        const open = async (name) => {
          const keys = await openDpapiKeys(${JSON.stringify(`${state}\\`)} + name);
          await keys.sign(new Uint8Array(32));
          return keys.publicJwks();
        };
        const files = ${JSON.stringify(files)};
        console.log(JSON.stringify(await Promise.all(files.map((name) => open(name).catch(({ message }) => message)))));`;
      const { stdout, stderr } = await nodeUnder(wine, join(OUT, 'cache'))(code, { env: { USER: user } });
      expect(stderr).toBe('');
      return JSON.parse(stdout) as unknown[];
    };

    test('the private keys lie in no file of its state', async () => {
      const [keys] = await openedAs('root', 'keys.dpapi.json');
      const { report, encryption } = keys as Record<'report' | 'encryption', PublicJwk>;
      const files = readdirSync(inState('.'), { recursive: true, withFileTypes: true })
        .filter((one) => one.isFile())
        .map((one) => join(one.parentPath, one.name));
      expect(files.map((file) => basename(file))).toContain('keys.dpapi.json');
      const telling = files.filter((file) => holdsPrivateKey(readFileSync(file), [report, encryption]));
      expect(telling).toEqual([]);
    });

    test('another account of the computer gets nothing out of a copy, and neither does who changes it', async () => {
      const kept = readFileSync(inState('keys.dpapi.json'), 'utf8');
      const [ours] = /S-1-5-[0-9-]+/.exec(kept) ?? [''];
      writeFileSync(inState('others.json'), kept.replace(ours, 'S-1-5-18'));
      const { keys } = JSON.parse(kept) as { keys: string };
      const changed = Buffer.from(keys, 'base64');
      changed.writeUInt8(changed.readUInt8(changed.length - 60) ^ 1, changed.length - 60);
      writeFileSync(inState('changed.json'), kept.replace(keys, changed.toString('base64')));
      const undecryptable = expect.stringContaining('cannot be decrypted here');
      expect(await openedAs('somebody', 'keys.dpapi.json')).toEqual([undecryptable]);
      expect(await openedAs('root', 'others.json', 'changed.json')).toEqual([
        expect.stringContaining('those of the account S-1-5-18'),
        undecryptable,
      ]);
      const { code, stdout } = await drawbridge('doctor', '--json');
      const { findings } = JSON.parse(stdout) as {
        findings: { name: string; level: string; found: string }[];
      };
      expect(findings.find(({ name }) => name === 'keys')).toMatchObject({
        level: 'ok',
        found: 'kept in: dpapi (os-keystore)',
      });
      expect(code).toBe(0);
    });

    test('who is not the service’s account is told that its keys are not for him', async () => {
      const { code, stderr } = await drawbridge('rotate-key');
      expect({ code, stderr }).toMatchObject({ code: 4, stderr: expect.stringMatching(/LocalSystem/) });
      const argv = ['--server', server.target.url, '--token-file', wine.inside(join(wine.folder, 'token'))];
      const { stderr: again } = await drawbridge('enroll', '--again', ...argv);
      expect(again).toMatch(/enrolled with https.*stop the service/s);
    });
  });

  describe.runIf(missingTools.length === 0)('keys in a TPM (a stand-in behind Windows’ own headers)', () => {
    let tpm: TpmDouble;
    const path = 'C:\\tpm\\keys.ncrypt.json';
    const choice = (wanted: string) =>
      `{ wanted: '${wanted}', platform: 'windows', isRoot: false, hasSession: false,
        home: { stateDir: 'C:\\\\tpm', tcti: 'device:/dev/tpmrm0' } }`;
    const withKeys = async (code: string) => {
      const imports = `
        import { createKeys, openKeys } from ${moduleUnder(wine, 'src/agent/key-choice.ts')};
        import { forgetNCryptKeys } from ${moduleUnder(wine, 'src/agent/key-ncrypt.ts')};
        import { createPublicKey, generateKeyPairSync, diffieHellman, verify } from 'node:crypto';
        const home = { stateDir: 'C:\\\\tpm', tcti: 'device:/dev/tpmrm0' };
        const say = (value) => console.log(JSON.stringify(value));`;
      const { stdout, stderr } = await nodeUnder(wine, join(OUT, 'cache'))(`${imports}\n${code}`, {
        env: tpm.env,
      });
      return { said: stdout === '' ? null : (JSON.parse(stdout) as unknown), stderr };
    };
    const keysInChip = () => readdirSync(tpm.folder).filter((name) => name.startsWith('drawbridge-'));

    beforeAll(() => {
      tpm = addTpm(wine);
    });
    afterAll(() => tpm.remove());

    test.each([
      ['both keys', false, 2],
      ['what cannot agree there is encrypted', true, 1],
    ] as const)(
      'are taken where there is a TPM, and another process uses them: %s',
      async (_, without, count) => {
        tpm.set('no-agreement', without);
        const made = await withKeys(`
        const { kind, keys } = await createKeys(${choice('auto')});
        say({ kind, protection: keys.protection });`);
        expect(made).toEqual({ said: { kind: 'ncrypt', protection: 'tpm' }, stderr: '' });
        const opened = await withKeys(`
        const keys = await openKeys({ kind: 'ncrypt', slot: 'a' }, home);
        const { report, encryption } = await keys.publicJwks();
        const bytes = Buffer.from('said');
        const signature = await keys.sign(bytes);
        const verifies = verify('sha256', bytes, { key: report, format: 'jwk', dsaEncoding: 'ieee-p1363' }, signature);
        const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const agreed = await keys.agree(other.publicKey.export({ format: 'jwk' }));
        const publicKey = createPublicKey({ key: encryption, format: 'jwk' });
        const agrees = diffieHellman({ privateKey: other.privateKey, publicKey }).equals(agreed);
        say({ verifies, agrees });`);
        expect(opened).toEqual({ said: { verifies: true, agrees: true }, stderr: '' });
        // A key for agreement that this TPM cannot use is gone from it, and so are those of the run before.
        expect(keysInChip()).toHaveLength(count);
      },
    );

    test('new ones replace those before, also in the chip; forgotten, none is left', async () => {
      const before = keysInChip();
      expect((await withKeys(`await createKeys(${choice('ncrypt')});`)).stderr).toBe('');
      expect(keysInChip()).toHaveLength(1);
      expect(keysInChip()).not.toEqual(before);
      tpm.set('no-agreement', false);
      expect((await withKeys(`await forgetNCryptKeys(${JSON.stringify(path)});`)).stderr).toBe('');
      expect(readdirSync(tpm.folder)).toEqual([]);
    });

    test('a TPM that is not ready is an error that says what to do: no key in software takes its place', async () => {
      expect((await withKeys(`await createKeys(${choice('auto')});`)).stderr).toBe('');
      const before = readdirSync(tpm.folder);
      tpm.set('broken', true);
      const { said } = await withKeys(`
        const old = await openKeys({ kind: 'ncrypt', slot: 'a' }, home);
        const why = ({ message }) => message;
        say([
          await createKeys(${choice('auto')}, 'b').catch(why),
          await old.sign(new Uint8Array(1)).catch(why),
        ]);`);
      expect(said).toEqual([
        expect.stringMatching(/the TPM is not ready.*0x80090030.*keyStore: dpapi/s),
        expect.stringMatching(/the TPM is not ready/),
      ]);
      tpm.set('broken', false);
      expect(readdirSync(tpm.folder)).toEqual(before);
    });

    test('a copied state folder names keys that another TPM has not', async () => {
      for (const name of keysInChip()) rmSync(join(tpm.folder, name));
      const { stderr } = await withKeys(`
        const keys = await openKeys({ kind: 'ncrypt', slot: 'a' }, home);
        await keys.sign(new Uint8Array(1));`);
      expect(stderr).toMatch(/the key is not there: it was made by another computer/);
    });
  });
});
