// FreeRADIUS as a NAS: takes Disconnect and CoA requests, by its own reading of RFC 5176.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeUdpPort, spawnDaemon } from './freeradius.ts';

export type FreeradiusNas = {
  port: number;
  secretFile: string;
  /** The requests that it took: a line each, `CoA-Request ADDRESS FILTER`. */
  taken(): string[];
  stop(): Promise<void>;
};

/** An address whose session this NAS does not know. */
export const UNKNOWN_ADDRESS = '10.9.2.99';

const SECRET = 'a-secret-of-this-nas';

/** Has to be stopped. */
export async function startFreeradiusNas(): Promise<FreeradiusNas> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-nas-'));
  const port = await freeUdpPort();
  mkdirSync(join(folder, 'run'));
  writeFileSync(join(folder, 'radiusd.conf'), configuration(folder, port), { mode: 0o600 });
  const secretFile = join(folder, 'secret');
  writeFileSync(secretFile, SECRET, { mode: 0o600 });
  const daemon = spawnDaemon(folder);
  const stop = async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  await daemon.ready.catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const record = join(folder, 'run/taken');
  const taken = () => (existsSync(record) ? readFileSync(record, 'utf8').split('\n') : []);
  return { port, secretFile, taken, stop };
}

const configuration = (folder: string, port: number) => `
confdir = "${folder}"
run_dir = "${folder}/run"
logdir = "${folder}/run"
libdir = "/usr/lib/freeradius"
pidfile = "${folder}/run/radiusd.pid"
max_request_time = 10
security {
  max_attributes = 200
  reject_delay = 0
}
thread pool {
  start_servers = 1
  max_servers = 2
}
client loopback {
  ipaddr = 127.0.0.1
  secret = "${SECRET}"
  require_message_authenticator = yes
}
modules {
  always ok {
    rcode = ok
  }
  always reject {
    rcode = reject
  }
  linelog taken {
    filename = ${folder}/run/taken
    format = "%{Packet-Type} %{Framed-IP-Address} %{Filter-Id}"
  }
}
server nas {
  listen {
    type = coa
    ipaddr = 127.0.0.1
    port = ${port}
  }
  recv-coa {
    taken
    if (&Framed-IP-Address == ${UNKNOWN_ADDRESS}) {
      update reply {
        &Error-Cause := 503
      }
      reject
    }
    ok
  }
  send-coa {
    ok
  }
}
`;
