import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { toBom } from './bom.ts';
import { KIND, toCpio, type Entry } from './cpio.ts';
import { makeApp, MACOS_LEAST, type AppJob } from './macos-app.ts';
import { IDENTIFIERS } from './macos-signer.ts';
import { escapeXml } from './plist.ts';
import type { Target } from './targets.ts';
import { sha256Of } from './tools.ts';
import { toXar } from './xar.ts';

export type PkgJob = AppJob & {
  /** Seconds since 1970. */
  epoch: number;
  out: string;
  work: string;
  quick: boolean;
};

/** Where everything lies that the package brings; src/agent/paths.ts has the settings and the state there, too. */
const HOME = 'Library/Application Support/Drawbridge';
const COMPONENT = 'drawbridge.pkg';
/** macOS' own group of these folders: what is not wheel's there would be changed by an installation. */
const ADMIN_FOLDERS: readonly string[] = ['./Library/Application Support'];
const ADMIN = 80;

const ARCHITECTURES: Readonly<Record<string, string>> = { 'macos-arm64': 'arm64', 'macos-x64': 'x86_64' };

/** Makes the flat package (a product archive of one component) without Apple's tools; answers its path. */
export async function makePkg(job: PkgJob): Promise<string> {
  const { root, target, version, epoch, out, work, quick } = job;
  rmSync(work, { recursive: true, force: true });
  const files = await placeFiles(job, join(work, 'files'));
  const scripts = Object.fromEntries(
    ['preinstall', 'postinstall'].map((name) => [name, scriptOf(root, name, version)]),
  );
  const level = quick ? 1 : 9;
  const payload = entriesOf(files);
  const kilobytes = Math.ceil(payload.reduce((sum, { content }) => sum + content.length, 0) / 1_024);
  const archive = (entries: readonly Entry[]) => gzipSync(toCpio(entries, epoch), { level });
  const members = [
    { name: 'Bom', content: toBom(payload, epoch), isCompressed: false },
    { name: 'PackageInfo', content: packageInfo(version, payload.length, kilobytes), isCompressed: false },
    { name: 'Payload', content: archive(payload), isCompressed: true },
    { name: 'Scripts', content: archive(scriptEntries(scripts)), isCompressed: true },
  ];
  const distribution = distributionOf(target, version, kilobytes);
  const pkg = toXar(
    [
      { name: 'Distribution', content: distribution, isCompressed: false },
      { name: COMPONENT, members },
    ],
    epoch,
  );
  const file = join(out, `drawbridge-${version}-${ARCHITECTURES[target.name] ?? ''}.pkg`);
  writeFileSync(file, pkg);
  rmSync(work, { recursive: true });
  return file;
}

/** Everything as it is to lie on the disk. */
async function placeFiles(job: PkgJob, folder: string): Promise<string> {
  const { root, work } = job;
  const own = join(root, 'packaging/macos');
  const place = (name: string, path: string, mode: number) => {
    mkdirSync(join(folder, path), { recursive: true });
    writeFileSync(join(folder, path, name), readFileSync(join(own, name)), { mode });
  };
  place(`${IDENTIFIERS.agent}.plist`, 'Library/LaunchDaemons', 0o644);
  place(`${IDENTIFIERS.tray}.plist`, 'Library/LaunchAgents', 0o644);
  place('uninstall.sh', HOME, 0o755);
  const helper = join(work, 'helper');
  mkdirSync(helper);
  const app = makeApp(job, { folder: join(folder, HOME), work: helper });
  // Beside the app: what its signature seals cannot name the program that holds the signature.
  const code = join(app, 'Contents/MacOS');
  const hashes = readdirSync(code).toSorted();
  const installed = await Promise.all(
    hashes.map(async (name) => [name, await sha256Of(join(code, name))] as const),
  );
  writeFileSync(join(folder, HOME, 'installed.json'), `${JSON.stringify(Object.fromEntries(installed))}\n`);
  return folder;
}

function scriptOf(root: string, name: string, version: string): string {
  return readFileSync(join(root, 'packaging/macos', `${name}.sh`), 'utf8').replace('@VERSION@', version);
}

function scriptEntries(scripts: Readonly<Record<string, string>>): Entry[] {
  const files = Object.entries(scripts).map(([name, text]) => ({
    path: `./${name}`,
    mode: KIND.file | 0o755,
    gid: 0,
    content: Buffer.from(text),
  }));
  return [{ path: '.', mode: KIND.folder | 0o755, gid: 0, content: Buffer.alloc(0) }, ...files];
}

/** What lies below a folder, parents first, in order of names. Modes are the package's, whatever the builder's umask. */
function entriesOf(folder: string, path = '.'): Entry[] {
  const place = join(folder, path);
  const found = lstatSync(place);
  const gid = ADMIN_FOLDERS.includes(path) ? ADMIN : 0;
  if (!found.isDirectory()) {
    const mode = KIND.file | ((found.mode & 0o100) === 0 ? 0o644 : 0o755);
    return [{ path, mode, gid, content: readFileSync(place) }];
  }
  const own = { path, mode: KIND.folder | 0o755, gid, content: Buffer.alloc(0) };
  const names = readdirSync(place).toSorted();
  return [own, ...names.flatMap((name) => entriesOf(folder, path === '.' ? `./${name}` : `${path}/${name}`))];
}

function packageInfo(version: string, count: number, kilobytes: number): Buffer {
  return Buffer.from(`<?xml version="1.0" encoding="utf-8"?>
<pkg-info overwrite-permissions="true" relocatable="false" identifier="${IDENTIFIERS.agent}" postinstall-action="none" version="${escapeXml(version)}" format-version="2" install-location="/" auth="root">
	<payload numberOfFiles="${count}" installKBytes="${kilobytes}"/>
	<bundle path="./${HOME}/Drawbridge.app" id="${IDENTIFIERS.agent}" CFBundleShortVersionString="${escapeXml(version)}" CFBundleVersion="${escapeXml(version)}"/>
	<bundle-version/>
	<upgrade-bundle/>
	<update-bundle/>
	<atomic-update-bundle/>
	<strict-identifier/>
	<relocate/>
	<scripts>
		<preinstall file="./preinstall"/>
		<postinstall file="./postinstall"/>
	</scripts>
</pkg-info>
`);
}

/** What the installer asks and says before anything happens. An older version is refused by preinstall. */
function distributionOf(target: Target, version: string, kilobytes: number): Buffer {
  const id = IDENTIFIERS.agent;
  return Buffer.from(`<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="2">
	<title>Drawbridge</title>
	<options customize="never" require-scripts="false" hostArchitectures="${ARCHITECTURES[target.name] ?? ''}"/>
	<domains enable_localSystem="true" enable_anywhere="false" enable_currentUserHome="false"/>
	<volume-check><allowed-os-versions><os-version min="${MACOS_LEAST}"/></allowed-os-versions></volume-check>
	<choices-outline><line choice="default"><line choice="${id}"/></line></choices-outline>
	<choice id="default"/>
	<choice id="${id}" visible="false"><pkg-ref id="${id}"/></choice>
	<pkg-ref id="${id}" version="${escapeXml(version)}" onConclusion="none" installKBytes="${kilobytes}">#${COMPONENT}</pkg-ref>
</installer-gui-script>
`);
}
