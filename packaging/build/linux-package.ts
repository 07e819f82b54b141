import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { drawIcon } from '../../src/tray/icon.ts';
import { toPng } from '../../src/tray/png.ts';
import { sha256Of } from './tools.ts';
import type { Part } from './parts.ts';

/** A file of a package. `from` is a path on this machine. */
export type PackageFile = { path: string; mode: number } & (
  { from: string } | { text: string | Buffer } | { link: string }
);

/** What .deb and .rpm are made from. */
export type LinuxPackage = {
  name: Part['name'];
  description: string;
  files: readonly PackageFile[];
  /** Folders of the package's own. */
  folders: readonly { path: string; mode: number }[];
  /** Files that a person may edit: an upgrade does not write over them. */
  settings: readonly string[];
  unit: string;
  /** Bodies of shell scripts: after the files are there, before they go, when nothing is to stay. */
  scripts: { installed: string; removing: string; purged: string };
};

export type LinuxSource = {
  root: string;
  part: Part;
  /** Of `makeExecutable`. */ made: readonly string[];
  sbom: string;
};

/** What goes where. */
export async function linuxPackage({ root, part, made, sbom }: LinuxSource): Promise<LinuxPackage> {
  const { name, description } = part;
  const own = join(root, 'packaging/linux', name);
  const library = `/usr/lib/${name}`;
  const unit = `${name}.service`;
  const hashes = await Promise.all(made.map(async (from) => [basename(from), await sha256Of(from)] as const));
  const files: PackageFile[] = [
    ...made.map((from) => ({
      path: `${library}/${basename(from)}`,
      mode: basename(from) === name ? 0o755 : 0o644,
      from,
    })),
    {
      path: `${library}/installed.json`,
      mode: 0o644,
      text: `${JSON.stringify(Object.fromEntries(hashes))}\n`,
    },
    { path: `/usr/bin/${name}`, mode: 0o777, link: `../lib/${name}/${name}` },
    { path: `/usr/lib/systemd/system/${unit}`, mode: 0o644, from: join(own, unit) },
    { path: `/usr/share/doc/${name}/sbom.cdx.json`, mode: 0o644, text: sbom },
    { path: `/usr/share/doc/${name}/copyright`, mode: 0o644, text: copyright(root) },
    ...optional(own, 'sysusers.conf', `/usr/lib/sysusers.d/${name}.conf`),
    ...optional(own, 'tmpfiles.conf', `/usr/lib/tmpfiles.d/${name}.conf`),
    ...extras[name](root),
  ];
  const settings = name === 'drawbridge' ? ['/etc/drawbridge/agent.yaml'] : [];
  const folders = name === 'drawbridge-server' ? [] : [{ path: '/etc/drawbridge', mode: 0o755 }];
  return { name, description, files, folders, settings, unit, scripts: scriptsOf(own) };
}

const extras: Record<Part['name'], (root: string) => PackageFile[]> = {
  drawbridge: (root) => [
    {
      path: '/etc/drawbridge/agent.yaml',
      mode: 0o644,
      from: join(root, 'packaging/linux/drawbridge/agent.yaml'),
    },
    ...desktop(root),
  ],
  'drawbridge-server': () => [],
  'drawbridge-gateway': (root) => [
    { path: '/usr/lib/drawbridge-gateway/updown', mode: 0o755, from: join(root, 'packaging/gateway/updown') },
    { path: '/etc/ppp/ip-up.d/drawbridge', mode: 0o755, from: join(root, 'packaging/gateway/ppp-hook') },
    { path: '/etc/ppp/ip-down.d/drawbridge', mode: 0o755, from: join(root, 'packaging/gateway/ppp-hook') },
  ],
};

/** Pixels of the icon that both entries below name, as desktops look for them. */
const ICON_SIZES = [16, 22, 24, 32, 48, 64, 128, 256];

/** The tray, which a graphical session starts by itself, and the entry in the menu that opens the status page. */
function desktop(root: string): PackageFile[] {
  const places = {
    'drawbridge-tray.desktop': '/etc/xdg/autostart',
    'drawbridge-status.desktop': '/usr/share/applications',
  };
  const entries = Object.entries(places).map(([name, folder]) => ({
    path: `${folder}/${name}`,
    mode: 0o644,
    from: join(root, 'packaging/linux', name),
  }));
  const icons = ICON_SIZES.map((size) => ({
    path: `/usr/share/icons/hicolor/${size}x${size}/apps/drawbridge.png`,
    mode: 0o644,
    text: toPng(drawIcon('green', size)),
  }));
  return [...entries, ...icons];
}

function optional(folder: string, file: string, path: string): PackageFile[] {
  const from = join(folder, file);
  return existsSync(from) ? [{ path, mode: 0o644, from }] : [];
}

function scriptsOf(folder: string): LinuxPackage['scripts'] {
  const read = (name: string) => {
    const file = join(folder, `${name}.sh`);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  return { installed: read('installed'), removing: read('removing'), purged: read('purged') };
}

/** For whoever asks under which licences the files are. */
export function copyright(root: string): string {
  return `Drawbridge is under the Apache License 2.0, below. It contains Node.js (MIT and the licences of its parts,
https://github.com/nodejs/node/blob/main/LICENSE) and the npm packages that sbom.cdx.json names with their licences.

${readFileSync(join(root, 'LICENSE'), 'utf8')}`;
}

/** Places the files below `folder`, all dated `epoch` (seconds since 1970). */
export function placeFiles({ files, folders }: LinuxPackage, folder: string, epoch: number): void {
  for (const { path, mode } of folders) {
    mkdirSync(join(folder, path), { recursive: true });
    chmodSync(join(folder, path), mode);
  }
  for (const file of files) {
    const target = join(folder, file.path);
    mkdirSync(dirname(target), { recursive: true });
    if ('link' in file) symlinkSync(file.link, target);
    else {
      if ('from' in file) copyFileSync(file.from, target);
      else writeFileSync(target, file.text);
      chmodSync(target, file.mode);
      utimesSync(target, epoch, epoch);
    }
  }
}

/** Turns the service on when it is new, and restarts it when it is not; works in an image that is not running, too. */
export function startService(unit: string): string {
  return `if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	if [ -n "$fresh" ]; then systemctl enable ${unit} >/dev/null 2>&1 || true; systemctl start ${unit} || true
	else systemctl try-restart ${unit} || true; fi
elif [ -n "$fresh" ] && [ -x /usr/bin/systemctl ]; then systemctl enable ${unit} >/dev/null 2>&1 || true; fi
`;
}

/** Before the files go. */
export function stopService(unit: string): string {
  return `if [ -d /run/systemd/system ]; then systemctl disable --now ${unit} >/dev/null 2>&1 || true
elif [ -x /usr/bin/systemctl ]; then systemctl disable ${unit} >/dev/null 2>&1 || true; fi
`;
}
