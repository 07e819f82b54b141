import { bareProfile, type Profile } from './profile.ts';

export type { Profile } from './profile.ts';

/** An IPsec connection set up to carry L2TP to one gateway. */
export type Connection = {
  name: string;
  peer: string;
  auth: Profile['auth'];
  suites: string[] | null;
  enabled: boolean;
};

/** With this begin the names of profiles that the agent itself keeps, wherever a name of theirs stands. */
export const OWN_PREFIX = 'drawbridge-';

/** A profile as this system's services start it: enabled unless somebody has switched it off. */
export function profile(backend: string, id: string, more: Partial<Profile>): Profile {
  const name = id.startsWith(OWN_PREFIX) ? id.slice(OWN_PREFIX.length) : id;
  return bareProfile(backend, id, name, { enabled: true, ...more });
}

/** Suites as their owner wrote them; the `!` of strongSwan only says that nothing else is offered. */
export function suites(written: readonly (string | null | undefined)[]): string[] | null {
  const found = written
    .filter((one) => typeof one === 'string' && one !== '')
    .map((one) => String(one).replace(/!$/, ''));
  return found.length > 0 ? found : null;
}

export function parseMtu(text: string | null | undefined): number | null {
  return /^[1-9]\d{1,4}$/.test(text ?? '') ? Number(text) : null;
}
