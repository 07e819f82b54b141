// A RADIUS server as it stands behind the gate (NPS, ISE, a second factor): accepts, rejects, or asks for a code.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeUdpPort, PASSWORD, spawnDaemon } from './freeradius.ts';

export const HOME_SECRET = 'a-secret-of-the-home-server';
export const CODE = '123456';

/** Grants what a user `granted` gets there. `otp…` users are asked for a code. Has to be stopped. */
export async function startHomeServer(): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-home-'));
  const port = await freeUdpPort();
  mkdirSync(join(folder, 'run'));
  writeFileSync(join(folder, 'radiusd.conf'), configuration(folder, port), { mode: 0o600 });
  writeFileSync(join(folder, 'users'), USERS, { mode: 0o600 });
  const daemon = spawnDaemon(folder);
  await daemon.ready;
  return {
    port,
    async stop() {
      await daemon.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const USERS = `granted Cleartext-Password := "${PASSWORD}"
	Filter-Id = "home-full",
	Framed-IP-Address = 10.99.1.77,
	Session-Timeout = 7200,
	Cisco-AVPair += "ip:one",
	Cisco-AVPair += "ip:two"

DEFAULT Cleartext-Password := "${PASSWORD}"
`;

const configuration = (folder: string, port: number) => `
confdir = "${folder}"
run_dir = "${folder}/run"
logdir = "${folder}/run"
libdir = /usr/lib/freeradius
pidfile = "${folder}/run/pid"
security {
	max_attributes = 200
	reject_delay = 0
}
client loopback {
	ipaddr = 127.0.0.1
	secret = "${HOME_SECRET}"
}
modules {
	always handled {
		rcode = handled
	}
	always reject {
		rcode = reject
	}
	pap {
	}
	chap {
	}
	mschap {
		use_mppe = no
	}
	files {
		usersfile = "${folder}/users"
	}
}
server home {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = ${port}
	}
	authorize {
		if (&User-Name =~ /^otp/) {
			if (&State == 0x6f7470) {
				if (&User-Password == "${CODE}") {
					update control {
						&Auth-Type := Accept
					}
				}
				else {
					reject
				}
			}
			elsif (&User-Password == "${PASSWORD}") {
				update control {
					&Response-Packet-Type := Access-Challenge
				}
				update reply {
					&State := 0x6f7470
					&Reply-Message := "Code?"
				}
				handled
			}
			else {
				reject
			}
		}
		else {
			chap
			mschap
			files
			pap
		}
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
		Auth-Type CHAP {
			chap
		}
		Auth-Type MS-CHAP {
			mschap
		}
	}
}
`;
