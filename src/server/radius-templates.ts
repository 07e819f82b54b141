import type { Access } from '../wire/decision.ts';
import type { Nas, NasType, RadiusSettings, Template } from './radius-settings.ts';

/** How often a NAS tells of a session; pppd does not go below 60. */
const INTERIM = { 'Acct-Interim-Interval': 300 };

const DENIED: Template = { 'Reply-Message': '{sentence}', 'MS-CHAP-Error': '{sentence}' };

/**
 * The reply for an access: the NAS's own template, or what its type is known to honour. A NAS of which nothing is
 * known gets Filter-Id and Session-Timeout.
 */
export function templateFor(access: Access, nas: Nas | null, settings: RadiusSettings): Template {
  const own = nas?.templates[access];
  if (own !== undefined) return own;
  if (access === 'deny') return DENIED;
  const { filterId, sessionTimeoutSeconds } = settings[access];
  return BY_TYPE[nas?.type ?? 'generic']({ access, filterId, sessionTimeoutSeconds });
}

type Granted = { access: Exclude<Access, 'deny'>; filterId: string; sessionTimeoutSeconds: number };

const BY_TYPE: Record<NasType, (granted: Granted) => Template> = {
  generic: plain,
  /** pppd hands Filter-Id to ip-up, where the gateway helper acts on it. */
  'freeradius-pppd': (granted) => ({ ...plain(granted), ...INTERIM }),
  /** Filter-Id would be read as a bandwidth; a pool of its own is what isolates. */
  'accel-ppp': ({ access, filterId, sessionTimeoutSeconds }) => ({
    ...(access !== 'allow' && { 'Framed-Pool': filterId }),
    ...message(access),
    'Session-Timeout': sessionTimeoutSeconds,
    ...INTERIM,
  }),
  /** Filter-Id names a firewall chain, Mikrotik-Address-List a list that firewall rules use. */
  mikrotik: (granted) => ({
    ...plain(granted),
    ...INTERIM,
    ...(granted.access !== 'allow' && { 'Mikrotik-Address-List': granted.filterId }),
  }),
  /** Filter-Id names an access list and its direction. */
  cisco: (granted) => ({ ...plain({ ...granted, filterId: `${granted.filterId}.in` }), ...INTERIM }),
  /** RRAS filters by MS-Quarantine-IPFilter only, which has to be written for each network: until then, nobody. */
  'windows-rras': ({ access, sessionTimeoutSeconds }) =>
    access === 'allow' ? { 'Session-Timeout': sessionTimeoutSeconds, ...INTERIM } : 'deny',
};

function plain({ access, filterId, sessionTimeoutSeconds }: Granted): Exclude<Template, 'deny'> {
  return { 'Filter-Id': filterId, 'Session-Timeout': sessionTimeoutSeconds, ...message(access) };
}

/** Who gets everything needs no explanation. */
function message(access: Granted['access']) {
  return access === 'allow' ? {} : { 'Reply-Message': '{sentence}' };
}
