import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackageJob } from './deb.ts';
import { placeFiles, startService, stopService, type LinuxPackage } from './linux-package.ts';
import { tool } from './tools.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = { 'linux-x64': 'x86_64', 'linux-arm64': 'aarch64' };

/** Makes the .rpm; answers with its path. rpm itself refuses an older version over a newer one. */
export function makeRpm(job: PackageJob): string {
  const { own, target, version, epoch, out, work } = job;
  const architecture = ARCHITECTURES[target.name] ?? '';
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  placeFiles(own, join(work, 'files'), epoch);
  // rpm cuts what it does not like out of paths, so its own folder has a plain one.
  const top = mkdtempSync(join(tmpdir(), 'drawbridge-rpm-'));
  const spec = join(work, 'package.spec');
  writeFileSync(spec, specOf(job, architecture));
  const settings = {
    _topdir: top,
    _rpmdir: top,
    _buildhost: 'drawbridge',
    source_date_epoch_from_changelog: '0',
  };
  const defines = Object.entries(settings).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  tool('rpmbuild', ['-bb', '--quiet', '--target', architecture, ...defines, spec], {
    env: { SOURCE_DATE_EPOCH: String(epoch) },
  });
  const name = `${own.name}-${version}-1.${architecture}.rpm`;
  const file = join(out, name);
  // Across file systems a rename is none.
  tool('cp', ['--', join(top, architecture, name), file]);
  for (const folder of [top, work]) rmSync(folder, { recursive: true });
  return file;
}

function specOf({ own, version, work, quick }: PackageJob, architecture: string): string {
  return `Name: ${own.name}
Version: ${version}
Release: 1
Summary: ${own.description}
License: Apache-2.0
BuildArch: ${architecture}
AutoReqProv: no
Requires: glibc >= 2.28, libstdc++, libatomic, systemd
# Nothing may touch the executable: stripping would take our code out of it.
%global __strip /bin/true
%global debug_package %{nil}
%global __os_install_post %{nil}
%global _build_id_links none
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%define _binary_payload ${quick ? 'w1.gzdio' : 'w6.xzdio'}
%description
Lets a laptop over the company's L2TP/IPsec VPN only while it is healthy.
%install
cp -a ${join(work, 'files')}/. %{buildroot}/
%files
${filesOf(own)}
%post
fresh=
[ "$1" != 1 ] || fresh=yes
${escaped(own.scripts.installed)}${startService(own.unit)}
%preun
[ "$1" = 0 ] || exit 0
${stopService(own.unit)}${escaped(own.scripts.removing)}
%postun
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
`;
}

/** A per cent sign would be a macro. */
function escaped(script: string): string {
  return script.replaceAll('%', '%%');
}

function filesOf({ files, folders, settings }: LinuxPackage): string {
  const lines = [
    ...folders.map(({ path, mode }) => `%dir %attr(${octal(mode)},root,root) ${path}`),
    ...files.map((file) =>
      'link' in file
        ? file.path
        : `${settings.includes(file.path) ? '%config(noreplace) ' : ''}%attr(${octal(file.mode)},root,root) ${file.path}`,
    ),
  ];
  return lines.join('\n');
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
