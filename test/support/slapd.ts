// A real directory with one user, over a plain connection on loopback.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeTcpPort, NT_HASH, PASSWORD } from './freeradius.ts';

const SLAPD = '/usr/sbin/slapd';
export const hasSlapd = [SLAPD, '/usr/sbin/slapadd', '/usr/lib/freeradius/rlm_ldap.so'].every((file) =>
  existsSync(file),
);
export const BASE = 'dc=example,dc=org';
export const ADMIN = { dn: `cn=admin,${BASE}`, password: 'secret-of-the-directory' };

/** The users alice and st*r, with everybody's password, also as an NT hash in the attribute description. Has to be stopped. */
export async function startSlapd(): Promise<{ url: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-slapd-'));
  const url = `ldap://127.0.0.1:${await freeTcpPort()}`;
  mkdirSync(join(folder, 'data'));
  const conf = join(folder, 'slapd.conf');
  writeFileSync(conf, configuration(folder), { mode: 0o600 });
  const added = spawnSync('/usr/sbin/slapadd', ['-f', conf], { input: LDIF, encoding: 'utf8' });
  if (added.status !== 0) throw new Error(added.stderr);
  const child = spawn(SLAPD, ['-d', '0', '-f', conf, '-h', url], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const configuration = (folder: string) => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ${folder}/pid
database mdb
suffix "${BASE}"
rootdn "${ADMIN.dn}"
rootpw ${ADMIN.password}
directory ${folder}/data
maxsize 10485760
access to attrs=userPassword by anonymous auth by * none
access to * by * none
`;

const person = (uid: string) => `dn: uid=${uid},${BASE}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${uid}
sn: ${uid}
userPassword: ${PASSWORD}
description: 0x${NT_HASH}
`;

const LDIF = `dn: ${BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

${person('alice')}
${person('st*r')}`;
