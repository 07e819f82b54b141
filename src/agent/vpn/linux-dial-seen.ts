import { OWN_PREFIX } from '../../../collectors/vpn-client/linux-profile.ts';
import { nmcli } from '../../base/commands.ts';
import { STATUS } from '../../wire/order.ts';
import { VpnFailure, type SeenProfile, type VpnState } from './driver.ts';
import type { Journal } from './linux-journal.ts';
import { look } from './linux-look.ts';
import { takeDown } from './linux-set.ts';
import { libreswan } from './linux-set-libreswan.ts';
import { strongswan } from './linux-set-strongswan.ts';
import { act, complaint, type Tools } from './linux-tools.ts';

/** Seconds that NetworkManager waits for a connection, and milliseconds until we do not wait for it any more. */
const UP_WAIT_S = 30;
const UP_TIMEOUT_MS = 35_000;

/** Brings up a profile as it stands, by the software that holds it. Throws `VpnFailure`. */
export async function dialSeen(
  tools: Tools,
  journal: Journal,
  profile: SeenProfile,
  signal: AbortSignal,
): Promise<VpnState> {
  const { denied } = await journal.read();
  if (denied !== null) throw new VpnFailure('The VPN is denied.', STATUS.refused, null);
  const problem = await dialBy(tools, profile, signal);
  const seen = await look(tools.host);
  if (problem !== null) throw new VpnFailure(problem, STATUS.failed, seen);
  if (seen.profiles.some(({ id, state }) => id === profile.id && state === 'up')) return seen;
  throw new VpnFailure('The VPN did not come up.', STATUS.failed, seen);
}

async function dialBy(tools: Tools, profile: SeenProfile, signal: AbortSignal): Promise<string | null> {
  const { backend, id, name } = profile;
  if (backend === 'networkmanager' && isUuid(id)) return dialManaged(tools, id);
  const own = [strongswan, libreswan].find((one) => one.name === backend);
  if (own === undefined || !id.startsWith(OWN_PREFIX))
    return 'This connection comes up only in the software in which it was set up.';
  const problem = await own.dial(tools, name, signal);
  // A session that came up half is none.
  if (problem !== null) await takeDown(tools, name);
  return problem;
}

async function dialManaged(tools: Tools, uuid: string): Promise<string | null> {
  const argv = ['-w', String(UP_WAIT_S), 'connection', 'up', 'uuid', uuid];
  const up = await act(tools, 'nmcli up', nmcli, argv, { timeoutMs: UP_TIMEOUT_MS });
  return up.code === 0 ? null : `NetworkManager: ${complaint(up)}`;
}

/** Whatever else it is, it is no option. */
function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
}
