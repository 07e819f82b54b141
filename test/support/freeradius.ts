// A real FreeRADIUS on loopback with the shipped configuration, and packets by its own radclient.
import { spawn, type ChildProcess } from 'node:child_process';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseGatewayConfig } from '../../src/gateway/config.ts';
import { readSecrets } from '../../src/gateway/secrets.ts';
import { writeConfiguration } from '../../src/gateway/write-configuration.ts';

const DAEMON = '/usr/sbin/freeradius';
const RADCLIENT = '/usr/bin/radclient';
const MODULES = '/usr/lib/freeradius';

export const hasFreeradius = [DAEMON, RADCLIENT, `${MODULES}/rlm_rest.so`].every((file) => existsSync(file));

/** Everybody's password, and its MD4 as in `smbencrypt`. */
export const PASSWORD = 'correct horse';
export const NT_HASH = 'cfc43211ba8dc470832267827cac1407';

/** What RADIUS clients share with it. */
export const SECRET = 'a-secret-of-this-test';

/** What the configuration itself answers when the posture server gives no answer. */
export const FALLBACK = { 'Filter-Id': 'posture-restrict', 'Session-Timeout': '300' };

/** Where the posture servers listen, who signed their certificates, and the gateway's credential for them. */
export type Posture = {
  urls: string[];
  caFile: string;
  credential: string;
  /** Further private files that the settings name, by name. */
  files?: Record<string, string>;
};

/** More of the gateway's settings file, by its top-level keys. */
export type Settings = Record<string, unknown>;

export const METHODS = ['PAP', 'CHAP', 'MS-CHAP', 'MS-CHAPv2'] as const;
export type Method = (typeof METHODS)[number];

export type Login = {
  user: string;
  password?: string;
  /** Of a password other than everybody's, for MS-CHAPv2. */
  ntHash?: string;
  station?: string | null;
  method?: Method;
  /** Further attributes, as radclient reads them. */
  more?: string[];
};

/** The packet that came back; an attribute that is absent is undefined. `code` is empty when nothing came. */
export type RadiusAnswer = { code: string; attributes: Record<string, string> };

export type Freeradius = {
  authPort: number;
  /** Sends a Disconnect or CoA request with these attributes, once. */
  order(kind: 'disconnect' | 'coa', attributes: string[]): Promise<RadiusAnswer>;
  login(login: Login): Promise<RadiusAnswer>;
  /** Sends an Accounting-Request with these attributes, once. */
  account(attributes: string[]): Promise<RadiusAnswer>;
  /** What it said so far. */
  log(): string;
  stop(): Promise<void>;
};

/** What comes before a program's own argv, such as a network namespace's. */
export type Below = (...argv: string[]) => string[];

/** Has to be stopped. */
export async function startFreeradius(
  posture: Posture,
  settings: Settings = {},
  below: Below = (...argv) => argv,
): Promise<Freeradius> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-radius-'));
  const ports = { auth: await freeUdpPort(), acct: await freeUdpPort(), coa: await freeUdpPort() };
  const secretFile = join(folder, 'secret');
  await writeFiles(folder, { ports, posture, settings });
  const daemon = spawnDaemon(join(folder, 'conf'), below);
  const stop = async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await daemon.ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    authPort: ports.auth,
    login: (login) => radclient(ports.auth, 'auth', secretFile, loginAttributes(login), below),
    account: (attributes) => radclient(ports.acct, 'acct', secretFile, attributes, below),
    order: (kind, attributes) => radclient(ports.coa, kind, secretFile, attributes, below),
    log: daemon.log,
    stop,
  };
}

/** FreeRADIUS in the foreground with a folder's configuration. Has to be stopped. */
export function spawnDaemon(
  conf: string,
  below: Below = (...argv) => argv,
): { ready: Promise<void>; log(): string; stop(): Promise<void> } {
  const [file = '', ...argv] = below(DAEMON, '-f', '-l', 'stdout', '-d', conf);
  const child = spawn(file, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const said: string[] = [];
  return {
    ready: ready(child, said),
    log: () => said.join('\n'),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Resolves once it listens; its output is read on, so that it never waits for a reader. */
function ready(child: ChildProcess, said: string[]): Promise<void> {
  if (!child.stdout) throw new Error('no output');
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line);
      if (line.includes('Ready to process requests')) resolve();
    });
    lines.once('close', () => reject(new Error(`FreeRADIUS ended:\n${said.slice(-20).join('\n')}`)));
  });
}

type Plan = { ports: { auth: number; acct: number; coa: number }; posture: Posture; settings: Settings };

/** `secret` and `credential`, and below `conf` what `drawbridge-gateway render` writes. */
async function writeFiles(folder: string, plan: Plan): Promise<void> {
  for (const name of ['run', 'buffer']) mkdirSync(join(folder, name));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('secret', SECRET);
  write('credential', plan.posture.credential);
  for (const [name, text] of Object.entries(plan.posture.files ?? {})) write(name, text);
  const config = parseGatewayConfig(JSON.stringify(settingsFor(folder, plan)), join(folder, 'gateway.yaml'));
  if (!config.ok) throw new Error(config.error);
  const secrets = await readSecrets(config.value);
  if (!secrets.ok) throw new Error(secrets.error);
  await writeConfiguration(join(folder, 'conf'), config.value, secrets.value);
  write('conf/users', `DEFAULT Cleartext-Password := "${PASSWORD}"\n`);
}

function settingsFor(folder: string, { ports, posture, settings }: Plan): Settings {
  return {
    servers: posture.urls,
    caFile: posture.caFile,
    credentialFile: 'credential',
    ...settings,
    accounting: { bufferDir: join(folder, 'buffer'), ...(settings.accounting as object | undefined) },
    ...(settings.helper !== undefined && {
      coa: { port: ports.coa, clients: [{ name: 'posture', address: '127.0.0.1', secretFile: 'secret' }] },
    }),
    freeradius: {
      confdir: join(folder, 'conf'),
      runDir: join(folder, 'run'),
      logDir: join(folder, 'run'),
      user: '',
      authPort: ports.auth,
      acctPort: ports.acct,
      // radclient of Debian 12 sends no Message-Authenticator of its own.
      clients: [{ name: 'loopback', address: '127.0.0.1', secretFile: 'secret', kind: 'pppd' }],
      ...(settings.freeradius as object | undefined),
    },
  };
}

/** In single quotes nothing is expanded on the way to the server. */
const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

function loginAttributes(login: Login): string[] {
  const { user, password = PASSWORD, station = '127.0.0.1', method = 'PAP', more = [] } = login;
  return [
    `User-Name = ${quoted(user)}`,
    ...passwordAttributes(method, user, password, login.ntHash),
    ...(station === null ? [] : [`Calling-Station-Id = ${quoted(station)}`]),
    'NAS-Identifier = "lns-1"',
    'NAS-IP-Address = 127.0.0.1',
    ...more,
  ];
}

function passwordAttributes(method: Method, user: string, password: string, ntHash?: string): string[] {
  if (method === 'PAP') return [`User-Password = ${quoted(password)}`];
  if (method === 'CHAP') return [`CHAP-Password = ${quoted(password)}`];
  if (method === 'MS-CHAP') return [`MS-CHAP-Password = ${quoted(password)}`];
  return msChapV2(user, ntHash ?? (password === PASSWORD ? NT_HASH : '00'.repeat(16)));
}

/** RFC 2759 section 8: which radclient cannot do by itself. */
function msChapV2(user: string, ntHash: string): string[] {
  const challenge = randomBytes(16);
  const peer = randomBytes(16);
  const hash = createHash('sha1').update(peer).update(challenge).update(user).digest().subarray(0, 8);
  const keys = Buffer.concat([Buffer.from(ntHash, 'hex'), Buffer.alloc(5)]);
  const answer = Buffer.concat([0, 7, 14].map((at) => des(keys.subarray(at, at + 7), hash)));
  const response = Buffer.concat([Buffer.from([7, 0]), peer, Buffer.alloc(8), answer]);
  return [
    `MS-CHAP-Challenge = 0x${challenge.toString('hex')}`,
    `MS-CHAP2-Response = 0x${response.toString('hex')}`,
  ];
}

/** Single DES, as three times the same key; 7 bytes of key spread over 8, without parity. */
function des(key: Buffer, block: Buffer): Buffer {
  const bits = BigInt(`0x${key.toString('hex')}`);
  const spread = Buffer.from(
    Array.from({ length: 8 }, (_, index) => Number((bits >> BigInt(49 - 7 * index)) & 0x7fn) << 1),
  );
  return createCipheriv('des-ede3-ecb', Buffer.concat([spread, spread, spread]), null)
    .update(block)
    .subarray(0, 8);
}

/** One packet, sent once. */
export function radclient(
  port: number,
  kind: 'auth' | 'acct' | 'coa' | 'disconnect',
  secretFile: string,
  attributes: readonly string[],
  below: Below = (...argv) => argv,
): Promise<RadiusAnswer> {
  const [file = '', ...argv] = below(
    RADCLIENT,
    '-x',
    '-r',
    '1',
    '-t',
    '8',
    '-S',
    secretFile,
    `127.0.0.1:${port}`,
    kind,
  );
  const child = spawn(file, argv, { stdio: ['pipe', 'pipe', 'ignore'] });
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
  const attributes = [...received.matchAll(/^\t([\w:-]+) = (.*)$/gm)].map(([, name = '', value = '']) => [
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

export function freeUdpPort(): Promise<number> {
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
