import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placeFiles, startService, stopService, type LinuxPackage } from './linux-package.ts';
import type { Target } from './targets.ts';
import { tool } from './tools.ts';

export type PackageJob = {
  own: LinuxPackage;
  target: Target;
  version: string;
  /** Seconds since 1970. */
  epoch: number;
  /** Folder to write the package into, and one for what is in between. */
  out: string;
  work: string;
  /** Quick and larger, for tests. */
  quick: boolean;
};

const ARCHITECTURES: Readonly<Record<string, string>> = { 'linux-x64': 'amd64', 'linux-arm64': 'arm64' };

/** What Node is linked with; Debian 10, Ubuntu 20.04 and later have it. */
const DEPENDS = 'libc6 (>= 2.28), libstdc++6 (>= 8), libatomic1, systemd';

/** Makes the .deb; answers with its path. */
export function makeDeb(job: PackageJob): string {
  const { own, target, version, epoch, out, work, quick } = job;
  rmSync(work, { recursive: true, force: true });
  placeFiles(own, work, epoch);
  const control = join(work, 'DEBIAN');
  mkdirSync(control, { recursive: true });
  const architecture = ARCHITECTURES[target.name] ?? '';
  writeFileSync(join(control, 'control'), controlOf(job, architecture));
  if (own.settings.length > 0) writeFileSync(join(control, 'conffiles'), `${own.settings.join('\n')}\n`);
  for (const [name, text] of Object.entries(scriptsOf(own, version))) {
    writeFileSync(join(control, name), text);
    chmodSync(join(control, name), 0o755);
  }
  const file = join(out, `${own.name}_${version}_${architecture}.deb`);
  // Quick: a test waits for it. Else as small as is sensible, by both processors.
  const compression = quick ? ['-Zgzip', '-z1'] : ['-Zxz', '-z6', '--threads-max=2'];
  tool('dpkg-deb', ['--root-owner-group', ...compression, '-b', work, file], {
    env: { SOURCE_DATE_EPOCH: String(epoch) },
  });
  rmSync(work, { recursive: true });
  return file;
}

function controlOf({ own, version }: PackageJob, architecture: string): string {
  const bytes = own.files.reduce((sum, file) => sum + ('from' in file ? statSync(file.from).size : 4_096), 0);
  return `Package: ${own.name}
Version: ${version}
Section: admin
Priority: optional
Architecture: ${architecture}
Maintainer: Drawbridge <drawbridge@example.org>
Depends: ${DEPENDS}
Installed-Size: ${Math.ceil(bytes / 1_024)}
Description: ${own.description}
 Lets a laptop over the company's L2TP/IPsec VPN only while it is healthy.
`;
}

/** dpkg says by the first argument why it calls. */
function scriptsOf({ name, unit, scripts }: LinuxPackage, version: string): Record<string, string> {
  return {
    preinst: `#!/bin/sh
set -e
# An older one may not know the state of a newer one.
if [ "$1" = upgrade ] && [ "\${DRAWBRIDGE_ALLOW_DOWNGRADE:-}" != 1 ] && dpkg --compare-versions "$2" gt ${version}; then
	echo "${name} $2 is newer than ${version}. Remove it first, or set DRAWBRIDGE_ALLOW_DOWNGRADE=1." >&2
	exit 1
fi
`,
    postinst: `#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
fresh=
[ -n "$2" ] || fresh=yes
${scripts.installed}${startService(unit)}`,
    prerm: `#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
${stopService(unit)}${scripts.removing}`,
    postrm: `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
if [ "$1" = purge ]; then
:
${scripts.purged}fi
`,
  };
}
