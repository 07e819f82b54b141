import type { Host } from '../../collectors/check.ts';
import { firewallCmd, nft, systemctl, ufw } from '../base/commands.ts';
import type { FixMeans } from '../wire/tray.ts';
import { complaintOf, type FixWay } from './fix-way.ts';

/** Milliseconds for a service to be up. */
const START_MS = 30_000;

const NFTABLES_CONF = '/etc/nftables.conf';

/** The firewall that this distribution brings, the more convenient first. */
export const linuxFixes: readonly FixWay[] = [
  {
    fix: 'firewall-on',
    means: 'ufw',
    fits: (host) => isThere(host, ufw.path),
    async apply(host) {
      // Deny first: nothing is open for a moment, and a default of the user's own that lets everything in is no firewall.
      const denied = await host.run(ufw, ['default', 'deny', 'incoming'], { timeoutMs: START_MS });
      if (denied.code !== 0) return complaintOf('ufw', denied);
      return complaintOf('ufw', await host.run(ufw, ['--force', 'enable'], { timeoutMs: START_MS }));
    },
  },
  {
    fix: 'firewall-on',
    means: 'firewalld',
    fits: async (host) => (await isThere(host, firewallCmd.path)) && hasSystemd(host),
    apply: (host) => enable(host, ['firewalld.service']),
  },
  {
    fix: 'firewall-on',
    means: 'nftables',
    fits: async (host) => (await isThere(host, nft.path)) && refusesByDefault(host),
    async apply(host) {
      const loaded = await host.run(nft, ['-f', NFTABLES_CONF]);
      if (loaded.code !== 0) return complaintOf('nft', loaded);
      return (await hasSystemd(host)) ? enable(host, ['nftables.service']) : null;
    },
  },
  service('falcon', ['falcon-sensor.service']),
  service('mdatp', ['mdatp.service']),
  service('sentinelone', ['sentinelone.service']),
  service('clamav', ['clamav-daemon.service', 'clamav-clamonacc.service']),
  update('apt', '/usr/bin/unattended-upgrade', ['apt-daily.service', 'apt-daily-upgrade.service']),
  update('dnf', '/usr/bin/dnf-automatic', ['dnf-automatic-install.service']),
];

function service(means: FixMeans, units: readonly string[]): FixWay {
  const [first = ''] = units;
  return {
    fix: 'antivirus-start',
    means,
    fits: async (host) => (await hasSystemd(host)) && hasUnit(host, first),
    async apply(host) {
      const there: string[] = [];
      for (const unit of units) if (await hasUnit(host, unit)) there.push(unit);
      return enable(host, there);
    },
  };
}

/** By the distribution's own unattended update, as it is configured; it goes on by itself. */
function update(means: FixMeans, program: string, units: readonly string[]): FixWay {
  const [last = ''] = units.slice(-1);
  return {
    fix: 'begin-update',
    means,
    fits: async (host) => (await hasSystemd(host)) && (await isThere(host, program)) && hasUnit(host, last),
    apply: async (host) =>
      complaintOf('systemctl', await host.run(systemctl, ['start', '--no-block', ...units])),
  };
}

async function enable(host: Host, units: readonly string[]): Promise<string | null> {
  const argv = ['enable', '--now', ...units];
  return complaintOf('systemctl', await host.run(systemctl, argv, { timeoutMs: START_MS }));
}

/** The distribution's file as it is shipped lets everything in: loading that would be no fix. */
async function refusesByDefault(host: Host): Promise<boolean> {
  const rules = await host.readText(NFTABLES_CONF);
  if (!rules.ok) return false;
  const plain = rules.value.replaceAll(/#.*$/gm, '');
  return /\bhook\s+input\b[^}]*\bpolicy\s+drop\b/.test(plain);
}

function hasSystemd(host: Host): Promise<boolean> {
  return isThere(host, '/run/systemd/system');
}

const UNIT_FOLDERS = ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

async function hasUnit(host: Host, unit: string): Promise<boolean> {
  for (const folder of UNIT_FOLDERS) if (await isThere(host, `${folder}/${unit}`)) return true;
  return false;
}

async function isThere(host: Host, path: string): Promise<boolean> {
  return (await host.status(path)).ok;
}
