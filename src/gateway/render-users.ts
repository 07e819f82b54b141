import type { GatewayConfig } from './config.ts';
import type { UserStore } from './config-users.ts';

/* Who knows the passwords: a file, a directory, or a RADIUS server behind this one. */

/** A directory checks a PAP password by itself; for the others it may have a hash. */
export const FIND_USER: Record<UserStore['kind'], string> = {
  files: `	drawbridge_users
`,
  ldap: `	drawbridge_users
	if ((ok || updated) && &User-Password) {
		update control {
			&Auth-Type := drawbridge_ldap
		}
	}
`,
  radius: `	update control {
		&Proxy-To-Realm := "drawbridge_home"
	}
`,
};

export function authenticate({ freeradius }: GatewayConfig): string {
  return freeradius.users.kind === 'ldap'
    ? `Auth-Type drawbridge_ldap {
	drawbridge_users
}
`
    : '';
}

export function userStore(users: UserStore, ldapPassword: string): string {
  if (users.kind === 'ldap') return ldap(users, ldapPassword);
  if (users.kind === 'radius') return '';
  return `files drawbridge_users {
	usersfile = \${confdir}/users
}
`;
}

/** rlm_ldap escapes what it puts into the filter. */
function ldap(users: Extract<UserStore, { kind: 'ldap' }>, password: string): string {
  const hash = users.ntHashAttribute;
  return `ldap drawbridge_users {
	server = '${users.url}'
	identity = "${users.bindDn}"
	password = "${password}"
	base_dn = "${users.baseDn}"
	update {
${hash === undefined ? '' : `		control:NT-Password := '${hash}'\n`}	}
	user {
		base_dn = "\${..base_dn}"
		filter = "(${users.userAttribute}=%{User-Name})"
		scope = 'sub'
	}
	options {
		chase_referrals = no
		res_timeout = 5
		srv_timelimit = 3
		net_timeout = 2
	}
	tls {
${users.caFile === undefined ? '' : `		ca_file = "${users.caFile}"\n`}		require_cert = 'demand'
	}
	$INCLUDE \${confdir}/drawbridge/pool.conf
}
`;
}

const homeOf = (index: number) => `drawbridge_home${index + 1}`;

/** The whole login goes to the first server that answers; the gate is asked once it has said yes. */
export function proxy(users: UserStore, secrets: readonly string[]): string {
  if (users.kind !== 'radius') return 'proxy_requests = no\n';
  const servers = users.servers.map(
    (server, index) => `home_server ${homeOf(index)} {
	type = auth
	ipaddr = ${server.address}
	port = ${server.port}
	secret = "${secrets[index] ?? ''}"
	response_window = ${users.answerSeconds}
	zombie_period = 40
	status_check = none
	revive_interval = 30
}
`,
  );
  return `proxy_requests = yes

${servers.join('\n')}
home_server_pool drawbridge_home {
	type = fail-over
${users.servers.map((_server, index) => `	home_server = ${homeOf(index)}\n`).join('')}}

realm drawbridge_home {
	auth_pool = drawbridge_home
	nostrip
}
`;
}
