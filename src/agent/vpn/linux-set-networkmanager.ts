import { nmcli } from '../../base/commands.ts';
import type { VpnProfile } from '../../wire/vpn.ts';
import { DEVICE_FILES } from '../certificate/linux-places.ts';
import type { Backend } from './linux-backend.ts';
import type { WantedFile } from './linux-files.ts';
import { keptOf, keyfile, type MachineFiles } from './linux-keyfile.ts';
import { ownName, ownUuid } from './linux-names.ts';
import { act, becomes, complaint, type Tools } from './linux-tools.ts';

const FOLDER = '/etc/NetworkManager/system-connections';

/** The plugin says of itself that it is there in one of these. */
const PLUGIN = [
  '/usr/lib/NetworkManager/VPN/nm-l2tp-service.name',
  '/etc/NetworkManager/VPN/nm-l2tp-service.name',
];

export async function hasNetworkManager({ host }: Tools): Promise<boolean> {
  const plugin = await Promise.all(PLUGIN.map((path) => host.status(path)));
  if (!plugin.some((file) => file.ok)) return false;
  const running = await host.run(nmcli, ['-t', '-f', 'RUNNING', 'general']);
  return running.code === 0 && running.stdout.trim() === 'running';
}

function keyfilePath(name: string): string {
  return `${FOLDER}/${ownName(name)}.nmconnection`;
}

/** Files that are the profile's alone. */
function ownFiles(name: string): MachineFiles {
  const file = `${ownName(name)}.pem`;
  return placesOf(file, file);
}

/** Those that it names: the device's own certificate lies where it is renewed. */
export function namedFiles({ name, machine }: VpnProfile): MachineFiles {
  if (machine.kind !== 'device-certificate') return ownFiles(name);
  const { authority } = ownFiles(name);
  const devices = placesOf(DEVICE_FILES.root, DEVICE_FILES.own);
  return machine.authority === null ? devices : { ...devices, authority };
}

function placesOf(authority: string, file: string): MachineFiles {
  return {
    authority: `/etc/ipsec.d/cacerts/${authority}`,
    certificate: `/etc/ipsec.d/certs/${file}`,
    key: `/etc/ipsec.d/private/${file}`,
  };
}

/** Seconds that NetworkManager may take to bring it up, and milliseconds for a bus that does not answer at all. */
const UP_WAIT_S = 25;
const UP_TIMEOUT_MS = 27_000;

export const networkManager: Backend = {
  name: 'networkmanager',
  refuse: () => null,

  async files({ host }, profile) {
    const { machine, name } = profile;
    const places = ownFiles(name);
    const own = await host.readText(keyfilePath(name));
    const kept = own.ok ? keptOf(own.value) : { user: null, password: null };
    const certificate = machine.kind === 'certificate' ? machine : null;
    const authority = machine.kind === 'psk' ? null : machine.authority;
    const files: WantedFile[] = [
      { path: places.authority, content: authority, mode: 0o644 },
      { path: places.certificate, content: certificate?.certificate ?? null, mode: 0o644 },
      { path: places.key, content: certificate?.key ?? null, mode: 0o600 },
      // Last: it names the others.
      { path: keyfilePath(name), content: keyfile(profile, namedFiles(profile), kept), mode: 0o600 },
    ];
    return files;
  },

  async load(tools, name) {
    const isThere = (await tools.host.status(keyfilePath(name))).ok;
    // Without the file, only reading all of them again makes NetworkManager forget it.
    const argv = isThere ? ['connection', 'load', keyfilePath(name)] : ['connection', 'reload'];
    const loaded = await act(tools, 'nmcli load', nmcli, argv);
    if (loaded.code !== 0) return `NetworkManager did not take the profile: ${complaint(loaded)}`;
    if (!isThere || (await becomes(tools.clock, 3_000, () => knows(tools, name)))) return null;
    return 'NetworkManager refused the profile: it is not in its list.';
  },

  /**
   * A second time where NetworkManager's ten seconds for the plugin were over: on a busy computer IPsec needs longer, or
   * the plugin is still at work on a dial that the block refused. A wrong key looks the same.
   */
  async dial(tools, name, signal) {
    const first = await activate(tools, name);
    if (first === null || !TOO_LATE.test(first) || signal.aborted) return first;
    const second = await activate(tools, name);
    return second === null ? null : `${second} (tried twice)`;
  },
};

const TOO_LATE = /VPN service failed to start/;

async function activate(tools: Tools, name: string): Promise<string | null> {
  const argv = ['-w', String(UP_WAIT_S), 'connection', 'up', 'uuid', ownUuid(name)];
  const up = await act(tools, 'nmcli up', nmcli, argv, { timeoutMs: UP_TIMEOUT_MS });
  if (up.code === 0) return null;
  return `NetworkManager: ${complaint({ ...up, stdout: '', stderr: withoutHint(up.stderr) })}`;
}

async function knows({ host }: Tools, name: string): Promise<boolean> {
  const list = await host.run(nmcli, ['-t', '-f', 'UUID', 'connection', 'show']);
  return list.code === 0 && list.stdout.split('\n').includes(ownUuid(name));
}

function withoutHint(text: string): string {
  return text.replaceAll(/^Hint: .*$/gm, '');
}
