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

/** A profile as this system's services start it: enabled unless somebody has switched it off. */
export function profile(backend: string, id: string, more: Partial<Profile>): Profile {
  return bareProfile(backend, id, id, { enabled: true, ...more });
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
