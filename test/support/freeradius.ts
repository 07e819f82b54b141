// A real FreeRADIUS on loopback that asks a posture server, and logins by its own radclient.
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const DAEMON = '/usr/sbin/freeradius';
const RADCLIENT = '/usr/bin/radclient';
const MODULES = '/usr/lib/freeradius';

export const hasFreeradius = [DAEMON, RADCLIENT, `${MODULES}/rlm_rest.so`].every((file) => existsSync(file));

/** Everybody's password. */
export const PASSWORD = 'correct horse';

/** What the configuration itself answers when the posture server gives no answer. */
export const FALLBACK = { 'Filter-Id': 'posture-restrict', 'Session-Timeout': '300' };

/** Where the posture server listens, who signed its certificate, and the gateway's credential for it. */
export type Posture = { url: string; caFile: string; credential: string };

export type Method = 'PAP' | 'MS-CHAP';

export type Login = { user: string; password?: string; station?: string; method?: Method };

/** The packet that came back; an attribute that is absent is undefined. */
export type RadiusAnswer = { code: string; attributes: Record<string, string> };

export type Freeradius = {
  login(login: Login): Promise<RadiusAnswer>;
  stop(): Promise<void>;
};

/** Has to be stopped. */
export async function startFreeradius(posture: Posture): Promise<Freeradius> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-radius-'));
  const port = await freeUdpPort();
  const secretFile = writeConfiguration(folder, port, posture);
  const child = spawn(DAEMON, ['-f', '-l', 'stdout', '-d', folder], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { login: (login) => radclient(port, secretFile, login), stop };
}

/** Resolves once it listens; its output is read on, so that it never waits for a reader. */
function ready(child: ChildProcess): Promise<void> {
  if (!child.stdout) throw new Error('no output');
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('Ready to process requests')) resolve();
    });
    lines.once('close', () => reject(new Error(`FreeRADIUS ended:\n${said.slice(-20).join('\n')}`)));
  });
}

/** Answers with the file that holds the RADIUS secret. */
function writeConfiguration(folder: string, port: number, posture: Posture): string {
  const secret = 'a secret of this test';
  const files = {
    'radiusd.conf': [main(folder, secret), modules(folder, posture), virtualServer(port, posture)].join('\n'),
    users: `DEFAULT Cleartext-Password := "${PASSWORD}"\n`,
    'kept-on-reject': 'DEFAULT\n\tReply-Message =* ANY,\n\tMS-CHAP-Error =* ANY\n',
    secret,
  };
  mkdirSync(join(folder, 'run'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, 'secret');
}

const main = (folder: string, secret: string) => `
confdir = "${folder}"
run_dir = "${folder}/run"
logdir = "${folder}/run"
libdir = "${MODULES}"
pidfile = "${folder}/run/radiusd.pid"
max_request_time = 10
security {
  max_attributes = 200
  reject_delay = 0
}
thread pool {
  start_servers = 2
  max_servers = 4
}
client loopback {
  ipaddr = 127.0.0.1
  secret = "${secret}"
}`;

/** The request's body names what the gate needs, and not the password. */
const BODY = Object.entries({
  user_name: 'User-Name',
  calling_station_id: 'Calling-Station-Id',
  tunnel_client_endpoint: 'Tunnel-Client-Endpoint',
  nas_identifier: 'NAS-Identifier',
  nas_ip: 'NAS-IP-Address',
})
  .map(([name, attribute]) => `"${name}":"%{jsonquote:%{${attribute}}}"`)
  .join(',');

/** Without `connect_uri`: with it, the pool refuses to try again for a while after an outage. */
const modules = (folder: string, { url, caFile }: Posture) => `
modules {
  always reject {
    rcode = reject
  }
  always ok {
    rcode = ok
  }
  pap {
  }
  mschap {
  }
  files {
    usersfile = "${folder}/users"
  }
  attr_filter kept_on_reject {
    key = "%{User-Name}"
    filename = "${folder}/kept-on-reject"
  }
  rest posture {
    connect_timeout = 1.0
    tls {
      ca_info_file = "${caFile}"
      check_cert = yes
      check_cert_cn = yes
    }
    post-auth {
      uri = "${url}/v1/radius/post-auth"
      method = 'post'
      body = 'json'
      data = '{${BODY}}'
      timeout = 2.0
      tls = \${..tls}
    }
    pool {
      start = 0
      min = 0
      max = 4
      spare = 1
      uses = 0
      retry_delay = 1
      lifetime = 0
      idle_timeout = 60
    }
  }
}`;

const virtualServer = (port: number, { credential }: Posture) => `
server vpn {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    mschap
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type MS-CHAP {
      mschap
    }
  }
  post-auth {
    update control {
      &REST-HTTP-Header := "Authorization: Bearer ${credential}"
    }
    posture {
      fail = 1
      invalid = 1
    }
    if (fail || invalid) {
      update reply {
${Object.entries(FALLBACK)
  .map(([name, value]) => `        &${name} := "${value}"`)
  .join('\n')}
      }
    }
    elsif ((&control:Tmp-String-0 == "allow") || (&control:Tmp-String-0 == "restrict") || (&control:Tmp-String-0 == "quarantine")) {
      ok
    }
    else {
      reject
    }
    Post-Auth-Type REJECT {
      kept_on_reject
    }
  }
}
`;

/** In single quotes nothing is expanded on the way to the server. */
const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

function radclient(port: number, secretFile: string, login: Login): Promise<RadiusAnswer> {
  const { user, password = PASSWORD, station = '127.0.0.1', method = 'PAP' } = login;
  const attributes = [
    `User-Name = ${quoted(user)}`,
    `${method === 'PAP' ? 'User-Password' : 'MS-CHAP-Password'} = ${quoted(password)}`,
    `Calling-Station-Id = ${quoted(station)}`,
    'NAS-Identifier = "lns-1"',
    'NAS-IP-Address = 127.0.0.1',
  ];
  const argv = ['-x', '-r', '1', '-t', '8', '-S', secretFile, `127.0.0.1:${port}`, 'auth'];
  const child = spawn(RADCLIENT, argv, { stdio: ['pipe', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin.end(attributes.join('\n'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(parseAnswer(output)));
  });
}

/** Reads what `radclient -x` prints of the packet that came: a line `Received CODE …`, then one line an attribute. */
function parseAnswer(output: string): RadiusAnswer {
  const [, received = ''] = output.split(/^Received /m);
  const attributes = [...received.matchAll(/^\t([\w-]+) = (.*)$/gm)].map(([, name = '', value = '']) => [
    name,
    value.startsWith('"') ? unescaped(value.slice(1, -1)) : value,
  ]);
  return { code: received.split(' ')[0] ?? '', attributes: Object.fromEntries(attributes) };
}

/** Text in double quotes, with a backslash before a quote, a backslash, a letter, or three octal digits. */
function unescaped(text: string): string {
  const letters: Record<string, string> = { n: '\n', r: '\r', t: '\t' };
  return text.replace(/\\([0-7]{3}|.)/g, (_all, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (letters[code] ?? code),
  );
}

function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** For a server that has to come back on the same port. */
export function freeTcpPort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
