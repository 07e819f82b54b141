import type { Fact } from '../specs.ts';

export type Profile = Fact<'vpn-client'>['profiles'][number];

/** A profile of which nothing is known but its names and what `more` says. */
export function bareProfile(backend: string, id: string, name: string, more: Partial<Profile> = {}): Profile {
  return {
    id,
    name,
    backend,
    scope: 'system',
    gateway: null,
    auth: null,
    suites: null,
    ipsec: null,
    allTraffic: null,
    dns: null,
    mtu: null,
    enabled: null,
    state: null,
    since: null,
    address: null,
    interface: null,
    secretsReadableByUser: null,
    ...more,
  };
}
