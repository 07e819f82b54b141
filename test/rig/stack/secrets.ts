import { randomBytes } from 'node:crypto';
import { type Authority, createAuthority, issue, type Issued } from './pki.ts';

/** Everything secret in one run of the rig, made for it. */
export type Secrets = {
  psk: string;
  radius: string;
  user: string;
  password: string;
  authority: Authority;
  gateway: Issued;
  laptop: Issued;
};

/** The name that the gateway's certificate bears. */
export const GATEWAY_NAME = 'vpn.example.test';

const word = () => `test-${randomBytes(12).toString('hex')}`;

export async function makeSecrets(): Promise<Secrets> {
  const authority = await createAuthority('Rig authority');
  return {
    psk: word(),
    radius: word(),
    user: 'alice',
    password: word(),
    authority,
    gateway: await issue(authority, GATEWAY_NAME, 'server'),
    laptop: await issue(authority, 'laptop.example.test', 'client'),
  };
}
