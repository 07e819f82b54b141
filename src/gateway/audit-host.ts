import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { freeradius } from '../base/commands.ts';
import { run } from '../base/exec.ts';
import { auditConf, type Finding } from './audit.ts';
import { readConf, type ConfFileText } from './conf-text.ts';
import { shippedFiles } from './write-configuration.ts';

const MAX_BYTES = 1024 * 1024;

/** Where the NAS' own files lie on Debian. */
export type NasFiles = { xl2tpd: string; pppFolder: string };
export const DEBIAN: NasFiles = { xl2tpd: '/etc/xl2tpd/xl2tpd.conf', pppFolder: '/etc/ppp' };

/** Everything that is wrong with the FreeRADIUS configuration in `folder` and with the NAS beside it. */
export async function auditHost(folder: string, nas: NasFiles = DEBIAN): Promise<Finding[]> {
  const main = { file: join(folder, 'radiusd.conf'), text: '' };
  const text = await readFile(main.file, 'utf8');
  const items = readConf({ ...main, text }, (target) => included(target, folder));
  return [
    ...auditConf(items),
    ...(await secretsArePrivate(folder)),
    ...(await shippedIsUnchanged(folder)),
    ...(await nasIsReady(nas)),
    ...(await versionIsSafe()),
  ];
}

/** A file, or the files of a folder as FreeRADIUS takes them. A rendered confdir may be meant for another place. */
function included(target: string, folder: string): ConfFileText[] {
  const path = target.replace(/^\$\{(confdir|raddbdir)\}/, folder);
  const candidates = [
    path,
    join(folder, path),
    path.replace(/^.*?\/(drawbridge|mods-available|policy\.d|sites-available)\//, `${folder}/$1/`),
  ];
  const there = candidates.find((one) => statSync(one, { throwIfNoEntry: false }) !== undefined);
  if (there === undefined) return [];
  const names = statSync(there).isDirectory()
    ? readdirSync(there)
        .filter((name) => /^[A-Za-z0-9_.]+$/.test(name) && !name.startsWith('.'))
        .toSorted()
        .map((name) => join(there, name))
    : [there];
  return names.flatMap((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile() || found.size > MAX_BYTES) return [];
    return [{ file, text: readFileSync(file, 'utf8') }];
  });
}

async function secretsArePrivate(folder: string): Promise<Finding[]> {
  const names = ['credential.conf', 'clients.conf', 'coa.conf', 'proxy.conf', 'user-store.conf'];
  const findings = names.map(async (name): Promise<Finding[]> => {
    const path = join(folder, 'drawbridge', name);
    const found = await stat(path).catch(() => null);
    if (found === null || (found.mode & 0o007) === 0) return [];
    const what = `It holds secrets and everybody on this machine can read it (mode ${(found.mode & 0o777).toString(8)}).`;
    return [
      {
        level: 'fail',
        where: path,
        found: what,
        todo: 'chmod 640, group of FreeRADIUS; then replace the secrets.',
      },
    ];
  });
  return (await Promise.all(findings)).flat();
}

async function shippedIsUnchanged(folder: string): Promise<Finding[]> {
  const findings = shippedFiles()
    // The virtual server and the main file are examples: an installation has its own.
    .filter(({ path }) => path !== 'radiusd.conf' && !path.startsWith('sites-available/'))
    .map(async ({ path, text }): Promise<Finding[]> => {
      const file = join(folder, path);
      const found = await readFile(file, 'utf8').catch(() => null);
      if (found === text) return [];
      const what =
        found === null ? 'It is not there.' : 'It is not as shipped: edited, or of another version.';
      return [
        {
          level: found === null ? 'fail' : 'warn',
          where: file,
          found: what,
          todo: 'Run drawbridge-gateway render.',
        },
      ];
    });
  return (await Promise.all(findings)).flat();
}

/** Without the peer's address in Calling-Station-Id no device is ever recognised. */
async function nasIsReady({ xl2tpd, pppFolder }: NasFiles): Promise<Finding[]> {
  const findings: Finding[] = [];
  const l2tp = await readFile(xl2tpd, 'utf8').catch(() => null);
  if (l2tp !== null && !/^\s*pass peer\s*=\s*yes\b/m.test(l2tp)) {
    const found = 'xl2tpd does not tell pppd the client’s address: no device is ever recognised.';
    findings.push({
      level: 'fail',
      where: xl2tpd,
      found,
      todo: 'Write "pass peer = yes" into [lns default].',
    });
  }
  for (const name of await readdir(pppFolder).catch(() => [])) {
    const file = join(pppFolder, name);
    const path = name.startsWith('options') ? await realpath(file).catch(() => '') : '';
    const text = path === '' ? '' : await readFile(path, 'utf8').catch(() => '');
    if (!/^\s*plugin\s+radius\.so/m.test(text) || /^\s*plugin\s+radattr\.so/m.test(text)) continue;
    const found =
      'pppd does not write down what its login was answered: the helper knows neither Class nor Filter-Id.';
    findings.push({ level: 'warn', where: file, found, todo: 'Add "plugin radattr.so" after radius.so.' });
  }
  return findings;
}

async function versionIsSafe(): Promise<Finding[]> {
  const output = await run(freeradius, ['-v']);
  const version = /Version (\d+)\.(\d+)\.(\d+)/.exec(output.stdout)?.slice(1).map(Number);
  if (version === undefined) {
    const found = 'Which FreeRADIUS this is cannot be told.';
    return [
      {
        level: 'warn',
        where: freeradius.path,
        found,
        todo: 'Install freeradius, freeradius-rest, or run this where it is.',
      },
    ];
  }
  const [major = 0, minor = 0, patch = 0] = version;
  if (major > 3 || (major === 3 && (minor > 2 || (minor === 2 && patch >= 5)))) return [];
  const found = `FreeRADIUS ${version.join('.')} cannot demand Message-Authenticator of a NAS (CVE-2024-3596).`;
  const todo =
    'Take 3.2.5 or later (3.2.9 has it as default), or keep FreeRADIUS and the NAS on one machine.';
  return [{ level: 'warn', where: freeradius.path, found, todo }];
}
