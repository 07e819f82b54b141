import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeMsi } from '../../packaging/build/msi.ts';
import { targets } from '../../packaging/build/targets.ts';
import { sha256Of } from '../../packaging/build/tools.ts';
import { OWN_FOLDER } from '../../src/agent/service/access-list.ts';
import { INVITATION_KEY } from '../../src/agent/service/registry.ts';
import { serverFolder, startServerProcess, type ServerProcess } from '../support/server-process.ts';
import { Wine, whyNoWine } from '../support/wine.ts';
import { CHECKOUT, NEW, OLD, OUT, SIGNING } from './build.ts';

const MSI = (version: string) => join(OUT, 'packages', `drawbridge-${version}-x64.msi`);

const folder = mkdtempSync(join(tmpdir(), 'drawbridge-msi-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, ...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(command, argv, { encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

/** Rows of a table, by its first column. */
function table(name: string, file = MSI(OLD)): Record<string, string[]> {
  const { code, out } = run('/usr/bin/msiinfo', 'export', file, name);
  expect(code, name).toBe(0);
  const rows = out.split(/\r?\n/).slice(3).filter(Boolean);
  return Object.fromEntries(rows.map((row) => row.split('\t')).map(([first, ...rest]) => [first, rest]));
}

/** Of a process that may have ended. */
function ofProcess(pid: string, what: 'cmdline' | 'environ'): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

describe('the .msi', () => {
  test('says what it is, and which one it takes the place of', () => {
    const old = table('Property');
    const newer = table('Property', MSI(NEW));
    expect(old['ProductVersion']).toEqual([OLD]);
    expect(newer['UpgradeCode']).toEqual(old['UpgradeCode']);
    expect(newer['ProductCode']).not.toEqual(old['ProductCode']);
    const { out } = run('/usr/bin/msiinfo', 'suminfo', MSI(OLD));
    expect(out).toContain('Template: x64;1033');
  });

  test('takes an invitation that no log shows, and that reaches the part with rights', () => {
    const { MsiHiddenProperties, SecureCustomProperties } = table('Property');
    expect(MsiHiddenProperties).toEqual(['ENROLL_TOKEN']);
    for (const name of ['ENROLL_URL', 'ENROLL_TOKEN', 'PURGE'])
      expect(SecureCustomProperties?.[0]?.split(';')).toContain(name);
    const values = table('Registry');
    expect(values['EnrollUrl']).toEqual(['2', INVITATION_KEY, 'Url', '[ENROLL_URL]', 'Enroll']);
    expect(values['EnrollToken']).toEqual(['2', INVITATION_KEY, 'Token', '[ENROLL_TOKEN]', 'Enroll']);
    // Written only where there is one, and never taken away by an upgrade before somebody has followed it.
    expect(table('Component')['Enroll']?.slice(2, 4)).toEqual(['276', 'ENROLL_URL AND ENROLL_TOKEN']);
  });

  test('closes key and folder to others by numbers of accounts, not names', () => {
    const locks = table('MsiLockPermissionsEx');
    expect(locks['LockOwn']?.slice(0, 3)).toEqual(['OWNDIR', 'CreateFolder', OWN_FOLDER]);
    expect(locks['LockEnroll']?.slice(0, 3)).toEqual([
      'EnrollUrl',
      'Registry',
      'D:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)',
    ]);
  });

  test('has the service start late and by itself, as LocalSystem', () => {
    const service = table('ServiceInstall')['Service'];
    expect(service?.slice(0, 5)).toEqual(['Drawbridge', 'Drawbridge agent', '16', '2', '1']);
    expect(service?.slice(7, 10)).toEqual(['LocalSystem', '', 'service']);
    expect(table('MsiServiceConfig')['DelayedStart']).toEqual(['Drawbridge', '5', '3', '1', 'Agent']);
    expect(table('Registry')['Tray']).toEqual([
      '2',
      'Software\\Microsoft\\Windows\\CurrentVersion\\Run',
      'Drawbridge',
      '"[#drawbridge_tray.exe]" start',
      'Agent',
    ]);
  });

  test('acts in the order that counts', () => {
    const order = table('InstallExecuteSequence');
    const at = (name: string) => Number(order[name]?.[1]);
    const sorted = ['InstallInitialize', 'RemoveExistingProducts', 'StopServices', 'LetGo', 'RemoveFiles'];
    expect(sorted.map(at)).toEqual(sorted.map(at).toSorted((a, b) => a - b));
    // It ends what is called as the service is, too, which has to have ended in good order.
    expect(at('EndTrays')).toBeGreaterThan(at('Forget'));
    expect(at('EndTrays')).toBeLessThan(at('RemoveFiles'));
    expect(order['EndTrays']?.[0]).toBe('REMOVE="ALL"');
    expect(at('Forget')).toBeGreaterThan(at('StopServices'));
    expect(at('Forget')).toBeLessThan(at('RemoveFiles'));
    expect(at('MsiConfigureServices')).toBeGreaterThan(at('InstallServices'));
    for (const name of ['LetGo', 'Forget'])
      expect(order[name]?.[0]).toContain('REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE');
    // An installed program, with the installer's rights, whose failure ends nothing.
    for (const name of ['LetGo', 'Forget', 'EndTrays'])
      expect(table('CustomAction')[name]?.[0]).toBe(String(18 + 64 + 1_024 + 2_048));
  });

  test('files have the versions by which Windows decides which one stays', () => {
    const files = table('File');
    for (const name of ['drawbridge.exe', 'drawbridge_tray.exe']) {
      expect(files[name]?.slice(3, 5)).toEqual([`${OLD}.0`, '1033']);
      expect(table('MsiFileHash')[name]).toBeUndefined();
    }
  });

  test('is made twice with the same bytes', async () => {
    const target = targets.find(({ name }) => name === 'win-x64')!;
    // What is in them takes wixl time, and makes no difference here.
    const made = ['drawbridge.exe', 'keyring.node', 'koffi.node'].map((name) => join(folder, name));
    for (const file of made) writeFileSync(file, file);
    const make = (place: string) => {
      mkdirSync(join(folder, place));
      const places = { out: join(folder, place), work: join(folder, `${place}-work`) };
      const what = { root: CHECKOUT, target, version: OLD, epoch: 1_767_225_600, made, sbom: '{}' };
      return makeMsi({ ...what, ...places, signing: null });
    };
    const first = await make('one');
    // Another second: the moment itself is in none of them.
    await wait(1_100);
    expect(await sha256Of(await make('two'))).toBe(await sha256Of(first));
  });

  test('is signed with the certificate that was named, and so is what is in it', () => {
    const verify = (file: string) =>
      run('/usr/bin/osslsigncode', 'verify', '-CAfile', SIGNING.certificate, '-in', file);
    const unpacked = join(folder, 'unpacked');
    mkdirSync(unpacked);
    run('/usr/bin/msiextract', '-C', unpacked, MSI(NEW));
    const inside = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(exe|node)$/.test(name),
    );
    expect(inside).toHaveLength(4);
    for (const file of [MSI(NEW), ...inside.map((name) => join(unpacked, name))])
      expect(verify(file), file).toMatchObject({
        code: 0,
        out: expect.stringContaining('Number of verified signatures: 1'),
      });
    expect(verify(MSI(OLD)).code).not.toBe(0);
    for (const name of inside.filter((one) => one.endsWith('.exe'))) {
      const bytes = readFileSync(join(unpacked, name));
      // What Windows shows of a file: its own name and our version, not Node's.
      for (const words of [basename(name), `${NEW}.0`])
        expect(bytes.includes(Buffer.from(words, 'utf16le')), `${words} in ${name}`).toBe(true);
    }
  });
});

const why = whyNoWine();
if (why !== null) process.stderr.write(`msi.test.ts: ${why}\n`);

const PATIENT_MS = 120_000;
const FOLDER = 'C:\\Program Files\\Drawbridge\\';
const PROGRAM = `${FOLDER}drawbridge.exe`;
const ELSEWHERE = 'C:\\elsewhere';
const RUN_KEY = 'HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Run';

type Status = {
  version: string;
  device: string | null;
  connection: { state: string };
  spool: { problem: string | null };
  crashes: number;
};

/*
 * Wine's installer has no access lists, no delayed start, no recovery and hides nothing: what those tables say is read
 * above. Installation, service, enrolment, upgrade and removal are run here.
 */
describe.runIf(why === null)('installed under Wine', () => {
  let wine: Wine;
  let server: ServerProcess;
  let token = '';
  let device = '';
  const data = serverFolder(0);

  const inside = (path: string) => existsSync(join(wine.drive, path));
  const left = (path: string) => (inside(path) ? ['.', ...readdirSync(join(wine.drive, path))] : []);
  const reg = (key: string, ...argv: string[]) => wine.run('reg', ['query', key, ...argv]);
  const serviceState = async () =>
    Number(/STATE\s+: (\d)/.exec((await wine.run('sc', ['query', 'Drawbridge'])).stdout)?.[1] ?? 0);
  const agentLog = () => readFileSync(join(wine.drive, 'ProgramData/Drawbridge/agent.log'), 'utf8');
  const status = async (): Promise<Status | null> => {
    // One that hangs is asked again.
    const { stdout } = await wine.run(PROGRAM, ['status', '--json'], { timeoutMs: 20_000 });
    return stdout === '' ? null : (JSON.parse(stdout) as { status: Status | null }).status;
  };
  const msiexec = async (...argv: string[]) =>
    (await wine.run('msiexec', [...argv, '/qn'], { timeoutMs: 120_000 })).code;
  const install = (version: string, ...properties: string[]) =>
    msiexec('/i', wine.inside(MSI(version)), ...properties);
  const uninstall = (...properties: string[]) => msiexec('/x', wine.inside(MSI(NEW)), ...properties);
  const expectSoon = async <T>(
    what: string,
    look: () => Promise<T | null | false>,
    everyMs = 300,
  ): Promise<T> => {
    const end = performance.now() + PATIENT_MS;
    while (performance.now() < end) {
      const found = await look();
      if (found !== null && found !== false) return found;
      await wait(everyMs);
    }
    throw new Error(`not within ${PATIENT_MS / 1_000} s: ${what}\n${agentLog()}`);
  };
  const connected = (version: string) =>
    expectSoon('connected', async () => {
      const now = await status();
      return now?.version === version && now.connection.state === 'connected' ? now : null;
    });

  /** What the server was told of the agent itself. */
  const reportedAgent = () => {
    const cli = join(CHECKOUT, 'src/cli/drawbridge-server.ts');
    const { out } = run(process.execPath, cli, 'device', device, '--data', data.path, '--json');
    const { readings } = JSON.parse(out) as { readings: Record<string, { fact?: Record<string, unknown> }> };
    return readings['agent']?.fact;
  };

  beforeAll(async () => {
    [wine, server] = await Promise.all([Wine.open(), startServerProcess(data.path)]);
    token = data.token();
  });

  afterAll(async () => {
    await wine.close();
    await server.kill('SIGTERM');
    data.remove();
  });

  test('with an invitation: the service runs, enrols by itself and answers; the secret does not stay', async () => {
    expect(await install(OLD, `ENROLL_URL=${server.target.url}`, `ENROLL_TOKEN=${token}`)).toBe(0);
    expect(await serviceState()).toBe(4);
    const now = await connected(OLD);
    device = String(now.device);
    expect(device).toMatch(/^[0-9a-f-]{36}$/);
    expect(now.spool.problem).toBeNull();
    await expectSoon('invitation removed', async () => (await reg(`HKLM\\${INVITATION_KEY}`)).code !== 0);
    expect(agentLog()).not.toContain(token.split('.')[1]);
    expect((await reg(RUN_KEY)).stdout).toContain('drawbridge-tray.exe');
  });

  test('upgraded without one: the newer one runs, alone, and is the same device', async () => {
    expect(await install(NEW)).toBe(0);
    expect((await connected(NEW)).device).toBe(device);
    expect(await serviceState()).toBe(4);
    // Its files are those that were signed and installed; its keys are encrypted for the service's account.
    await expectSoon('the newer one’s report', async () => reportedAgent()?.['version'] === NEW);
    expect(reportedAgent()).toMatchObject({ integrity: true, keyProtection: 'os-keystore', crashes: 0 });
    const { stdout } = await reg('HKLM\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall', '/s');
    expect(stdout.match(/DisplayName\s+REG_SZ\s+Drawbridge\s/g)).toHaveLength(1);
  });

  test('an older one over it is refused with a sentence, and the newer one goes on', async () => {
    const sentence = table('LaunchCondition')['NOT WIX_DOWNGRADE_DETECTED'];
    expect(sentence?.[0]).toContain('A newer Drawbridge is installed');
    expect(await install(OLD)).not.toBe(0);
    expect((await status())?.version).toBe(NEW);
    expect(await serviceState()).toBe(4);
  });

  const expectGone = async () => {
    expect(await serviceState()).toBe(0);
    expect(running()).toEqual([]);
    expect(left('Program Files/Drawbridge')).toEqual([]);
    expect((await reg(RUN_KEY)).stdout).not.toContain('drawbridge');
    expect((await reg('HKLM\\System\\CurrentControlSet\\Services\\Drawbridge')).code).not.toBe(0);
    expect((await reg(`HKLM\\${INVITATION_KEY}`)).code).not.toBe(0);
  };

  /** Processes of this Windows alone, by how they were called; one that is being started has Wine's own name first. */
  const running = (from = FOLDER) =>
    readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid) && ofProcess(pid, 'environ').includes(`WINEPREFIX=${wine.folder}/`))
      .map((pid) => ofProcess(pid, 'cmdline').trim())
      .filter((line) => line.includes(from));

  test('a folder that somebody else has made is not worked in, and the manager hears of it', async () => {
    const own = join(wine.drive, 'ProgramData/Drawbridge');
    const stopped = () => expectSoon('its end', async () => (await serviceState()) === 1);
    const { uid, gid } = statSync(own);
    await wine.run('sc', ['stop', 'Drawbridge']);
    await stopped();
    chownSync(own, uid + 12_345, gid);
    await wine.run('sc', ['start', 'Drawbridge']);
    const answer = await expectSoon('a failure', async () => {
      const { stdout } = await wine.run('sc', ['query', 'Drawbridge']);
      return /SERVICE_EXIT_CODE\s+: 4 /.test(stdout) && stdout;
    });
    // 1066: an error of the service's own, which the recovery counts.
    expect(answer).toMatch(/STATE\s+: 1 [\s\S]*WIN32_EXIT_CODE\s+: 1066/);
    chownSync(own, uid, gid);
    chmodSync(own, 0o777);
    await wine.run('sc', ['start', 'Drawbridge']);
    const now = await connected(NEW);
    // It was stopped in good order before: no crash.
    expect([now.device, now.crashes]).toEqual([device, 0]);
    // What others were allowed has been taken away: Wine keeps the list as bits of the folder.
    expect(statSync(own).mode & 0o002).toBe(0);
  });

  const startsTray = async (): Promise<boolean> => {
    const end = performance.now() + 30_000;
    const argv = ['start', 'open'];
    const started = wine.run(`${FOLDER}drawbridge-tray.exe`, argv, { timeoutMs: 30_000 });
    // Without a desktop it may end soon.
    while (!running().includes(`${PROGRAM} tray --open`) && performance.now() < end) await wait(50);
    return performance.now() < end && (await started).code === 0;
  };

  test('what the Run key and the menu name starts the tray, and does not wait for it', async () => {
    // A program that Wine does not get going is started once more.
    expect((await startsTray()) || (await startsTray())).toBe(true);
  });

  test('removed it ends what runs of it, and keeps its identity for another installation', async () => {
    // One more of ours, and one of the same name that is none of ours.
    const elsewhere = ELSEWHERE.slice(3);
    mkdirSync(join(wine.drive, elsewhere));
    for (const name of readdirSync(join(wine.drive, 'Program Files/Drawbridge')))
      copyFileSync(join(wine.drive, 'Program Files/Drawbridge', name), join(wine.drive, elsewhere, name));
    const more = { ours: PROGRAM, foreign: `${ELSEWHERE}\\drawbridge.exe` };
    for (const [name, from] of Object.entries(more))
      wine.start(name, from, ['agent', '--observe', '--state', `C:\\state of ${name}`]);
    await expectSoon(
      'both',
      async () =>
        [...running(ELSEWHERE), ...running()].filter((line) => line.includes('--observe')).length === 2,
    );
    expect(await uninstall()).toBe(0);
    await expectGone();
    expect(running(ELSEWHERE)).toHaveLength(1);
    expect(inside('ProgramData/Drawbridge/state/enrolment.json')).toBe(true);
    expect(await install(NEW)).toBe(0);
    expect((await connected(NEW)).device).toBe(device);
  });

  test('purged, nothing of it is left', async () => {
    expect(await uninstall('PURGE=1')).toBe(0);
    await expectGone();
    expect(inside('ProgramData/Drawbridge')).toBe(false);
    expect((await reg('HKLM\\Software\\Drawbridge')).code).not.toBe(0);
  });
});
