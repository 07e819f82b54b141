import { pacman } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import {
  latest,
  modifiedAt,
  pendingFields,
  rebootFields,
  someNames,
  type Pending,
  type Reboot,
} from './linux-fact.ts';
import { pathsIn } from './linux-remembered.ts';
import type { OsPatch } from './spec.ts';

const SYNC = '/var/lib/pacman/sync';

/**
 * Null when there is no pacman here. It knows no security updates, and only what was synchronised last; `checkupdates`
 * would use the network.
 */
export async function readPacman(host: Host): Promise<Observed<OsPatch> | null> {
  const output = await host.run(pacman, ['-Qu']);
  if (output.failure === 'not-found') return null;
  const databases = (await pathsIn(host, SYNC)).filter((path) => path.endsWith('.db'));
  const pending = countUpgrades(output, databases.length > 0);
  const [published, lastCheckedAt, lastInstalledAt, reboot] = await Promise.all([
    Promise.all(databases.map((path) => modifiedAt(host, path))),
    modifiedAt(host, SYNC),
    // A folder for each installed version: it changes with every installation.
    modifiedAt(host, '/var/lib/pacman/local'),
    readReboot(host),
  ]);
  if (pending === null && reboot === null && lastInstalledAt === null)
    return unknown('failed', 'pacman: its databases were never synchronised');
  return known({
    manager: 'pacman',
    lastInstalledAt,
    lastCheckedAt,
    // pacman gives its databases the server's own time.
    metadataAt: latest(published),
    ...pendingFields(pending),
    pendingMajor: null,
    ...rebootFields(reboot),
    automatic: null,
  });
}

/** Exit 1 with no output is none, which only counts where there is something to compare with. */
function countUpgrades({ code, stdout }: Output, synchronised: boolean): Pending | null {
  const names = parseUpgrades(stdout);
  if (names === null || (code !== 0 && code !== 1)) return null;
  if (names.length === 0 && !synchronised) return null;
  return { total: names.length, security: null, names: someNames(names) };
}

const UPGRADE = /^(\S+) \S+ -> \S+( \[ignored\])?$/;

/**
 * Lines `linux 6.11.1.arch1-1 -> 6.11.2.arch1-1`; what the user holds back ends in `[ignored]`. Null when there are
 * others among them.
 */
export function parseUpgrades(text: string): string[] | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const upgrades = lines.map((line) => UPGRADE.exec(line.trimEnd()));
  if (upgrades.includes(null)) return null;
  return upgrades.flatMap((match) => (match?.[1] && match[2] === undefined ? [match[1]] : []));
}

/** An updated kernel takes the modules of the running one with it. */
async function readReboot(host: Host): Promise<Reboot | null> {
  const running = await host.readText('/proc/sys/kernel/osrelease');
  const modules = await host.list('/usr/lib/modules');
  if (!running.ok || !modules.ok || modules.value.length === 0) return null;
  const release = running.value.trim();
  return modules.value.includes(release)
    ? { required: false, reason: null }
    : { required: true, reason: `the modules of the running kernel ${release} are gone` };
}
