import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { OWN_FOLDER } from '../../src/agent/service/access-list.ts';
import { signAuthenticode, type Signing } from './authenticode.ts';
import { writeSummary } from './msi-summary.ts';
import type { Target } from './targets.ts';
import { sha256Of, tool, uuidFrom } from './tools.ts';
import { HELPER_NAMES, trayHelper, windowsIcon } from './tray-helper.ts';
import { stampWindows } from './version-info.ts';

export type MsiJob = {
  root: string;
  target: Target;
  version: string;
  /** Seconds since 1970. */
  epoch: number;
  /** Of `makeExecutable`: the executable first. */
  made: readonly string[];
  sbom: string;
  /** Folder to write the package into, and one for what is in between. */
  out: string;
  work: string;
  signing: Signing | null;
};

/** Makes the .msi of the agent; answers with its path. Throws `BuildError`. */
export async function makeMsi(job: MsiJob): Promise<string> {
  const { root, version, epoch, out, work, signing } = job;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const files = await placeFiles(job);
  const product = guidFrom(`drawbridge ${version}`);
  const content = await Promise.all(files.map((file) => sha256Of(join(work, file))));
  const file = join(out, `drawbridge-${version}-x64.msi`);
  rmSync(file, { force: true });
  const source = join(root, 'packaging/windows/drawbridge.wxs');
  const defined = ['-D', `Version=${version}`, '-D', `ProductCode=${product}`];
  tool('wixl', ['--arch', 'x64', ...defined, '-o', file, source], { cwd: work });
  completeTables(file, version, work);
  writeSummary(file, { packageCode: guidFrom(`${product} ${content.join(' ')}`), epoch });
  if (signing !== null) signAuthenticode(file, signing);
  rmSync(work, { recursive: true });
  return file;
}

/** Lays out what wixl reads, all dated `epoch`; answers with the names. */
async function placeFiles({
  root,
  target,
  version,
  epoch,
  made,
  sbom,
  work,
  signing,
}: MsiJob): Promise<string[]> {
  for (const from of made) copyFileSync(from, join(work, basename(from)));
  const helper = trayHelper(target, work);
  rmSync(join(work, '.native'), { recursive: true, force: true });
  stampWindows(helper, { name: 'drawbridge-tray', description: 'Drawbridge', version });
  if (signing !== null) signAuthenticode(helper, signing);
  const installed = [...made.map((path) => basename(path)), HELPER_NAMES.windows];
  const hashes = await Promise.all(
    installed.map(async (name) => [name, await sha256Of(join(work, name))] as const),
  );
  const texts: Record<string, string | Buffer> = {
    'installed.json': `${JSON.stringify(Object.fromEntries(hashes))}\n`,
    'sbom.cdx.json': sbom,
    // Windows' own editor of old knows no other end of a line.
    'LICENSE.txt': readFileSync(join(root, 'LICENSE'), 'utf8').replaceAll(/\r?\n/g, '\r\n'),
    'drawbridge.ico': windowsIcon(),
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(work, name), text);
  const files = [...installed, ...Object.keys(texts)];
  for (const name of files) utimesSync(join(work, name), epoch, epoch);
  return files;
}

/** Properties that a person gives on the command line and that reach the part of the installer that has rights. */
const SECURE = ['ENROLL_URL', 'ENROLL_TOKEN', 'PURGE'];

/** Bits of a component: 64 bits, key path in the registry, never removed with the product. */
const ENROLL_BITS = 256 | 4 | 16;

/**
 * Where wixl's own order is not the one that is meant. An older product goes first, and comes back where the newer one
 * cannot be installed; what is held is let go once the service has ended, and before its files go. Trays that run would
 * hold the files; they start again at the next login.
 */
const SEQUENCE = { RemoveExistingProducts: 1_501, LetGo: 1_901, Forget: 1_902, EndTrays: 1_903 };

/** Everything for which wixl has no words. */
function completeTables(file: string, version: string, work: string): void {
  const versioned = ['drawbridge.exe', 'drawbridge_tray.exe'];
  const queries = [
    // Without a version in its table, Windows would keep an older file that has one.
    ...versioned.flatMap((name) => [
      `UPDATE \`File\` SET \`Version\`='${version}.0', \`Language\`='1033' WHERE \`File\`='${name}'`,
      `DELETE FROM \`MsiFileHash\` WHERE \`File_\`='${name}'`,
    ]),
    // Runs the program itself; wixl's own would ask the installer first whether all is whole.
    "UPDATE `Shortcut` SET `Target`='[#drawbridge_tray.exe]' WHERE `Shortcut`='StatusPage'",
    // An invitation that nobody has followed yet outlives an upgrade that brings none.
    `UPDATE \`Component\` SET \`Condition\`='ENROLL_URL AND ENROLL_TOKEN', \`Attributes\`=${ENROLL_BITS} WHERE \`Component\`='Enroll'`,
    `UPDATE \`Property\` SET \`Value\`='WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;${SECURE.join(';')}' WHERE \`Property\`='SecureCustomProperties'`,
    ...Object.entries(SEQUENCE).map(
      ([action, place]) =>
        `UPDATE \`InstallExecuteSequence\` SET \`Sequence\`=${place} WHERE \`Action\`='${action}'`,
    ),
    "INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES ('MsiConfigureServices', 'VersionNT>=600', 5850)",
  ];
  tool('msibuild', [file, ...queries.flatMap((query) => ['-q', query])]);
  for (const [name, table] of Object.entries(TABLES)) {
    const path = join(work, `${name}.idt`);
    writeFileSync(path, [...table, ''].join('\r\n'));
    tool('msibuild', [file, '-i', path]);
  }
}

const SERVICE_ONLY_KEY = 'D:P(A;CI;KA;;;SY)(A;CI;KA;;;BA)';

/** Tables in the form in which msibuild reads them: names, types, name and keys of the table, rows. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  // Only SYSTEM and administrators, by number: names differ by language.
  MsiLockPermissionsEx: [
    'MsiLockPermissionsEx\tLockObject\tTable\tSDDLText\tCondition',
    's72\ts72\ts32\ts0\tS255',
    'MsiLockPermissionsEx\tMsiLockPermissionsEx',
    `LockOwn\tOWNDIR\tCreateFolder\t${OWN_FOLDER}\t`,
    `LockEnroll\tEnrollUrl\tRegistry\t${SERVICE_ONLY_KEY}\t`,
  ],
  // At installation and repair: start after everything else that starts by itself.
  MsiServiceConfig: [
    'MsiServiceConfig\tName\tEvent\tConfigType\tArgument\tComponent_',
    's72\ts255\ti4\ti4\tS0\ts72',
    'MsiServiceConfig\tMsiServiceConfig',
    'DelayedStart\tDrawbridge\t5\t3\t1\tAgent',
  ],
};

/** As the installer spells it, the same for the same text. */
function guidFrom(text: string): string {
  return uuidFrom(createHash('sha256').update(text).digest('hex')).toUpperCase();
}
