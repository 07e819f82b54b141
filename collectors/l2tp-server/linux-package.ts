import { dpkgQuery, pacman, rpm } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { PROGRAM_FOLDERS } from './linux-services.ts';

/** The package that a program was installed with; null where no package manager knows it, or none is there. */
export async function packageOf(host: Host, program: string): Promise<string | null> {
  for (const folder of PROGRAM_FOLDERS) {
    const files = await host.list(folder);
    if (!files.ok || !files.value.includes(program)) continue;
    const owner = await ownerOf(host, `${folder}/${program}`);
    if (owner !== null) return owner;
  }
  return null;
}

async function ownerOf(host: Host, path: string): Promise<string | null> {
  const debian = await host.run(dpkgQuery, ['-S', path]);
  if (debian.code === 0) return parseDpkgOwner(debian.stdout, path);
  const red = await host.run(rpm, ['-qf', '--queryformat', '%{NAME}\\n', path]);
  if (red.code === 0) return name(red.stdout.split('\n')[0]);
  const arch = await host.run(pacman, ['-Qqo', path]);
  return arch.code === 0 ? name(arch.stdout.split('\n')[0]) : null;
}

/** `xl2tpd: /usr/sbin/xl2tpd`, `liba:amd64, libb: /path`; a diversion has a line of its own, which names no owner. */
export function parseDpkgOwner(text: string, path: string): string | null {
  const line = text.split('\n').find((one) => one.endsWith(`: ${path}`) && !one.startsWith('diversion '));
  return name(line?.slice(0, -path.length - 2).split(',')[0]);
}

/** As package managers allow it, and no longer. */
function name(text: string | undefined): string | null {
  return /^[A-Za-z0-9][\w.+:@-]{0,199}$/.exec(text?.trim() ?? '')?.[0] ?? null;
}
