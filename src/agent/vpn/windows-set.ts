import { X509Certificate } from 'node:crypto';
import type { ProbeLookup } from '../../../collectors/windows-cycle.ts';
import type { ProbeAnswer } from '../../../collectors/check.ts';
import { integerOf, isObject } from '../../../collectors/windows-values.ts';
import { STATUS } from '../../wire/order.ts';
import type { VpnProfile } from '../../wire/vpn.ts';
import { VpnFailure, type VpnState } from './driver.ts';
import { shownSuites, windowsSuites } from './windows-suites.ts';
import { actAndLook, problemIn, type WindowsTools } from './windows-tools.ts';

export type SetResult = {
  seen: VpnState;
  failure: VpnFailure | null;
  /** Whether the connection is as described, dialled or not. */
  stands: boolean;
};

/** Makes the connection of all users what the profile says. Throws before anything is touched where Windows cannot. */
export async function setProfile(tools: WindowsTools, profile: VpnProfile, up: boolean): Promise<SetResult> {
  const { lookup, seen } = await actAndLook(tools, {
    files: ['src/agent/vpn/windows-managed.ps1', 'src/agent/vpn/windows-set.ps1'],
    probes: ['certificate', 'set', 'dialled'],
    want: setWant(profile, up),
  });
  const refused = refusalIn(lookup('set'));
  if (refused !== null)
    return { seen, failure: new VpnFailure(refused.text, refused.status, seen), stands: false };
  const wrong = problemIn(lookup, 'set') ?? differing(seen, profile);
  const problem = wrong ?? (up ? dialProblem(lookup, seen, profile) : null);
  const failure = problem === null ? null : new VpnFailure(problem, STATUS.failed, seen);
  return { seen, failure, stands: wrong === null };
}

/** What the script is told. Holds the pre-shared key. */
export function setWant(profile: VpnProfile, up: boolean) {
  const { name, gateway, machine, routes } = profile;
  const impossible = whyNot(profile);
  if (impossible !== null) throw new VpnFailure(impossible, STATUS.notImplemented, null);
  return {
    name,
    managedIds: [name, encodeURIComponent(name), name.replaceAll(' ', '%20')],
    server: gateway,
    psk: machine.kind === 'psk' ? machine.psk : null,
    byCertificate: machine.kind !== 'psk',
    thumbprint: machine.kind === 'certificate' ? thumbprintOf(machine.certificate) : null,
    suites: windowsSuites(profile.suites) ?? null,
    splitTunneling: routes !== 'all',
    routes: routes === 'all' ? [] : routes,
    up,
  };
}

/** What no documented command of Windows can set, in the administrator's words; null where all of it can be. */
function whyNot({ user, suites, dns, mtu, machine }: VpnProfile): string | null {
  if (user !== null) return 'Windows keeps a user’s name and password itself: leave user out';
  if (dns.length > 0) return 'Windows takes the name servers from the gateway: leave dns empty';
  if (mtu !== null) return 'Windows chooses the MTU of a VPN connection itself: leave mtu out';
  if (windowsSuites(suites) === undefined)
    return 'Windows takes one proposal for IKE and one for ESP, of those it has: name both or neither';
  if (machine.kind === 'certificate' && thumbprintOf(machine.certificate) === null)
    return 'the certificate cannot be read';
  return null;
}

/** SHA-1 of the certificate, which is how Windows' store names it. */
function thumbprintOf(pem: string): string | null {
  try {
    return new X509Certificate(pem).fingerprint.replaceAll(':', '');
  } catch {
    return null;
  }
}

/** The words that the script itself throws. */
const REFUSALS: Readonly<Record<string, { text: string; status: number }>> = {
  'managed-profile': {
    text: 'Device management owns this connection: change it there',
    status: STATUS.refused,
  },
  'ownership-unknown': {
    text: 'Whether device management owns this connection could not be seen, so it was not touched',
    status: STATUS.failed,
  },
  'no-certificate': {
    text: 'The certificate and its key are not in the computer’s own store (LocalMachine\\My): put them there first',
    status: STATUS.notImplemented,
  },
};

function refusalIn(answer: ProbeAnswer | null) {
  return answer?.ok === false ? (REFUSALS[answer.fqid] ?? null) : null;
}

/** RAS errors that say what to look at. */
const RAS_ERRORS: Readonly<Record<number, string>> = {
  691: 'wrong user or password',
  703: 'a person has to type something',
  766: 'no certificate',
  787: 'the gateway could not be recognised',
  788: 'no proposal in common',
  789: 'IPsec failed: key, certificate or proposals',
  792: 'the gateway did not answer in time',
  809: 'the gateway does not answer, or something blocks UDP 500 and 4500',
  868: 'the gateway’s name has no address',
};

function dialProblem(lookup: ProbeLookup, { profiles }: VpnState, { name }: VpnProfile): string | null {
  const answer = lookup('dialled');
  const code = answer?.ok === true && isObject(answer.data) ? integerOf(answer.data['code']) : null;
  if (code === 0)
    return profiles.some((one) => one.name === name && one.state === 'up')
      ? null
      : 'it was dialled and is not up';
  if (code === null) return problemIn(lookup, 'dialled') ?? 'whether it connected could not be seen';
  return `the connection does not come up: RAS error ${code}${RAS_ERRORS[code] === undefined ? '' : ` (${RAS_ERRORS[code]})`}`;
}

/** What was seen of it differs from what was wanted. */
function differing(seen: VpnState, profile: VpnProfile): string | null {
  const found = seen.profiles.find(({ name, scope }) => name === profile.name && scope !== 'user');
  if (found === undefined) return 'the connection is not there';
  const suites = windowsSuites(profile.suites);
  const wanted = {
    gateway: profile.gateway,
    auth: profile.machine.kind === 'psk' ? 'psk' : 'certificate',
    allTraffic: profile.routes === 'all',
    ...(suites ? { suites: shownSuites(suites).join(' ') } : {}),
  };
  const is = { ...found, suites: found.suites?.join(' ') };
  const wrong = (Object.keys(wanted) as (keyof typeof wanted)[]).filter((key) => is[key] !== wanted[key]);
  return wrong.length === 0 ? null : `not as wanted after the change: ${wrong.join(', ')}`;
}
