import type { Text } from '../node.ts';
import type { Secrets } from './secrets.ts';

export const usersFile = ({ user, password }: Secrets): Text => ({
  text: `${user} Cleartext-Password := "${password}"\n`,
  mode: 0o600,
});

/** A FreeRADIUS that lets everybody in whose password is right, and asks nobody. */
export function openRadius(secrets: Secrets): Record<string, Text> {
  return {
    '/etc/freeradius-open/users': usersFile(secrets),
    '/etc/freeradius-open/radiusd.conf': {
      text: `prefix = /usr
confdir = /etc/freeradius-open
libdir = /usr/lib/freeradius
run_dir = /run/freeradius
pidfile = \${run_dir}/open.pid
log {
	destination = stdout
	auth = yes
}
security {
	max_attributes = 200
	reject_delay = 0
	allow_vulnerable_openssl = yes
}
client local {
	ipaddr = 127.0.0.1
	secret = "${secrets.radius}"
	require_message_authenticator = no
}
modules {
	mschap {
		use_mppe = no
	}
	files {
		usersfile = \${confdir}/users
	}
	always ok {
		rcode = ok
	}
}
server default {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = 1812
	}
	listen {
		type = acct
		ipaddr = 127.0.0.1
		port = 1813
	}
	authorize {
		files
		mschap
	}
	authenticate {
		Auth-Type MS-CHAP {
			mschap
		}
	}
	accounting {
		ok
	}
}
`,
      mode: 0o600,
    },
  };
}
