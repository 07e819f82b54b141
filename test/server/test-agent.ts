// An agent for tests: speaks the protocol and nothing else. Also the load generator of benchmarks and crash tests.
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { request } from 'node:https';
import { WebSocket } from 'ws';
import type { Readings } from '../../collectors/specs.ts';
import { enrolResult, type EnrolClaims } from '../../src/wire/enrolment.ts';
import { open, seal, TYP, type PublicJwk, type Signer } from '../../src/wire/envelope.ts';
import { parseFrame, serverFrame, type Ack, type Nack, type ServerFrame } from '../../src/wire/frames.ts';
import { deviceUrn, serverUrn } from '../../src/wire/ids.ts';
import { orderClaims, type OrderClaims, type ReceiptClaims } from '../../src/wire/order.ts';
import type { Base, ReportClaims } from '../../src/wire/report-claims.ts';
import { toWire, type WireReading } from '../../src/wire/report.ts';
import { hardwareIdOf } from '../../src/wire/hardware.ts';
import { parseToken } from '../../src/wire/token.ts';
import { EAT_PROFILE, SUBPROTOCOL } from '../../src/wire/version.ts';
import { memorySigner } from '../wire/fixtures.ts';

/** How the server is reached. */
export type Target = { url: string; ca: string };

/** All that an enrolled device keeps. `seq` rises with every frame. */
export type Identity = {
  device: string;
  status: 'enrolled' | 'pending';
  ueid: string;
  server: string;
  report: Signer;
  encryption: Signer;
  orderKeys: PublicJwk[];
  seq: number;
  /** The agent's clock, milliseconds. */
  now: () => number;
};

export type Answer = { status: number; body: Record<string, unknown> };

/** Posts JSON; the body of the answer is parsed. */
export function post(
  target: Target,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return exchange(target, 'POST', path, JSON.stringify(body), {
    'content-type': 'application/json',
    ...headers,
  });
}

export function get(target: Target, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return exchange(target, 'GET', path, '', headers);
}

function exchange(
  { url, ca }: Target,
  method: string,
  path: string,
  body: string | Buffer,
  headers: Record<string, string>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, url), { method, ca, headers, agent: false }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => (text += chunk));
      incoming.once('end', () => {
        const isJson = String(incoming.headers['content-type']).includes('json');
        resolve({ status: incoming.statusCode ?? 0, body: isJson ? JSON.parse(text) : { text } });
      });
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

export { exchange };

export type EnrolOptions = {
  report?: Signer;
  machineId?: string | null;
  /** Serial numbers as the device reads them. */
  serial?: string;
  name?: string;
  now?: () => number;
  change?: Partial<EnrolClaims>;
};

/** Both steps of enrolment; answers with the identity, or with what the server answered instead. */
export async function enrol(
  target: Target,
  tokenText: string,
  options: EnrolOptions = {},
): Promise<Identity | Answer> {
  const token = parseToken(tokenText);
  if (!token.ok) throw new Error(token.error);
  const { now = Date.now, name = 'laptop', machineId = null } = options;
  const nonce = randomBytes(16).toString('base64url');
  const challenge = await post(target, '/v1/enroll/challenge', { nonce });
  if (challenge.status !== 200) return challenge;
  const [report, encryption] = [options.report ?? (await memorySigner()), await memorySigner()];
  const ueid = Buffer.concat([Buffer.of(1), randomBytes(16)]).toString('base64url');
  const server = serverUrn(token.value.orderRoot);
  const claims: EnrolClaims = {
    aud: server,
    iat: Math.floor(now() / 1_000),
    nonce: String(payloadOf(String(challenge.body.jws)).challenge),
    token: { id: token.value.id, secret: token.value.secret },
    ueid,
    encryption_key: encryption.jwk,
    host: {
      name,
      platform: 'linux',
      machine_id: machineId,
      key_protection: 'file',
      hardware_ids: hardware(options.serial),
    },
    ...options.change,
  };
  const answer = await post(target, '/v1/enroll', { jws: await seal(TYP.enroll, claims, report, true) });
  if (answer.status !== 200) return answer;
  const result = enrolResult.parse(payloadOf(String(answer.body.jws)));
  const { device, status, order_keys: orderKeys } = result;
  return { device, status, ueid, server, report, encryption, orderKeys, seq: 0, now };
}

function hardware(serial: string | undefined): string[] {
  const id = serial === undefined ? null : hardwareIdOf('serial', serial);
  return id === null ? [] : [id];
}

/** New keys for a device: signed by its old report key and the new one. Answers with what the server answered. */
export async function rotateKeys(
  target: Target,
  identity: Identity,
  { fresh, old = identity.report, change = {} }: RotateOptions,
): Promise<Answer> {
  const nonce = randomBytes(16).toString('base64url');
  const challenge = await post(target, '/v1/enroll/challenge', { nonce });
  const claims = {
    iss: deviceUrn(identity.device),
    aud: identity.server,
    iat: Math.floor(identity.now() / 1_000),
    nonce: String(payloadOf(String(challenge.body.jws)).challenge),
    report_key: fresh.report.jwk,
    encryption_key: fresh.encryption.jwk,
    key_protection: 'tpm',
    ...change,
  };
  const [before, after] = [
    await seal(TYP.rotate, claims, old),
    await seal(TYP.rotate, claims, fresh.report, true),
  ];
  return post(target, '/v1/keys', { old: before, new: after });
}

export type RotateOptions = {
  fresh: Pick<Identity, 'report' | 'encryption'>;
  old?: Signer;
  change?: Record<string, unknown>;
};

export function isIdentity(answer: Identity | Answer): answer is Identity {
  return 'device' in answer;
}

export function payloadOf(jws: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

type FrameOf<T extends ServerFrame['t']> = Extract<ServerFrame, { t: T }>;

/** What carries frames in a test: a WebSocket, or something that pretends to be one. */
export type Channel = {
  send(text: string): void;
  close(): void;
  onFrame(take: (frame: ServerFrame) => void): void;
};

export type SendOptions = {
  kind?: ReportClaims['kind'];
  id?: string;
  readings?: Partial<Readings>;
  raw?: Record<string, WireReading>;
  base?: Base;
  /** Overrides any claim; undefined removes it. */
  change?: Record<string, unknown>;
  signer?: Signer;
  typ?: (typeof TYP)[keyof typeof TYP];
};

/** One connection that has been welcomed, or refused. */
export class TestLink {
  readonly identity: Identity;
  readonly boot: string;
  readonly session: Signer;
  readonly frames: ServerFrame[] = [];
  /** The nonce and base for the next report. */
  nonce = '';
  base: Base | undefined;
  readonly #channel: Channel;
  #wake: () => void = () => {};

  constructor(channel: Channel, identity: Identity, session: Signer, boot: string) {
    this.#channel = channel;
    this.identity = identity;
    this.session = session;
    this.boot = boot;
    channel.onFrame((frame) => this.#take(frame));
  }

  #take(frame: ServerFrame): void {
    this.frames.push(frame);
    if ('nonce' in frame && frame.nonce !== null) this.nonce = frame.nonce;
    if (frame.t === 'welcome') this.identity.seq = Math.max(this.identity.seq, frame.seq_min);
    this.#wake();
  }

  /** Takes the first frame of a kind that has come, or waits for it. */
  async next<T extends ServerFrame['t']>(t: T, ms = 5_000): Promise<FrameOf<T>> {
    const until = Date.now() + ms;
    for (;;) {
      const index = this.frames.findIndex((frame) => frame.t === t);
      if (index >= 0) return this.frames.splice(index, 1)[0] as FrameOf<T>;
      if (Date.now() > until) throw new Error(`no ${t}; came: ${JSON.stringify(this.frames).slice(0, 500)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, until - Date.now()));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The next ack or nack. */
  async answer(ms = 5_000): Promise<Ack | Nack> {
    const isAnswer = (frame: ServerFrame) => frame.t === 'ack' || frame.t === 'nack' || frame.t === 'bye';
    const until = Date.now() + ms;
    for (;;) {
      const index = this.frames.findIndex(isAnswer);
      const [frame] = index >= 0 ? this.frames.splice(index, 1) : [];
      if (frame?.t === 'ack' || frame?.t === 'nack') return frame;
      if (frame?.t === 'bye') throw new Error(`bye ${frame.err}`);
      if (Date.now() > until) throw new Error('no answer');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  send(frame: object): void {
    this.#channel.send(JSON.stringify(frame));
  }

  sendText(text: string): void {
    this.#channel.send(text);
  }

  /** Seals a report; by default a full one that is all right. */
  async seal(options: SendOptions = {}): Promise<string> {
    const { identity } = this;
    const {
      kind = 'full',
      id = randomUUIDv7(),
      readings,
      raw = {},
      base,
      change,
      typ = TYP.report,
    } = options;
    const now = identity.now();
    identity.seq += 1;
    const claims: Record<string, unknown> = {
      iss: deviceUrn(identity.device),
      aud: identity.server,
      iat: Math.floor(now / 1_000),
      jti: id,
      eat_profile: EAT_PROFILE,
      ...(kind === 'offline' ? {} : { eat_nonce: this.nonce }),
      ueid: identity.ueid,
      swname: 'drawbridge',
      swversion: ['0.1.0', 'semver'],
      kind,
      seq: identity.seq,
      boot: this.boot,
      ...(base === undefined ? {} : { base }),
      cfg: null,
      collected_at: new Date(now).toISOString(),
      ...(readings === undefined ? {} : { readings: { ...toWire(readings), ...raw } }),
      ...change,
    };
    return seal(typ, claims, options.signer ?? this.session);
  }

  /** Sends a report and waits for the answer; an ack becomes the base of the next delta. */
  async report(options: SendOptions = {}): Promise<Ack | Nack> {
    this.send({ t: 'report', jws: await this.seal(options) });
    const answer = await this.answer();
    const isBase = options.kind === undefined || options.kind === 'full' || options.kind === 'delta';
    if (answer.t === 'ack' && isBase) this.base = { seq: answer.seq, dig: answer.dig };
    return answer;
  }

  heartbeat(): Promise<Ack | Nack> {
    return this.report({ kind: 'heartbeat', ...(this.base && { base: this.base }) });
  }

  /** The claims of the next order; its signature is checked against the keys of enrolment. */
  async order(ms?: number): Promise<OrderClaims> {
    const { jws } = await this.next('order', ms);
    const opened = await open(jws, this.identity.orderKeys[0]!, orderClaims);
    if (!opened.ok) throw new Error(opened.error);
    return opened.value;
  }

  /** Answers an order, signed by the report key. */
  async receipt(
    order: OrderClaims,
    status: number,
    text = 'done',
    change: Partial<ReceiptClaims> = {},
  ): Promise<string> {
    const claims: ReceiptClaims = {
      iss: deviceUrn(this.identity.device),
      aud: this.identity.server,
      iat: Math.floor(this.identity.now() / 1_000),
      jti: randomUUIDv7(),
      request_id: order.jti,
      phase: 'complete',
      oc2: { status, status_text: text, results: {} },
      ...change,
    };
    this.send({ t: 'receipt', jws: await seal(TYP.receipt, claims, this.identity.report) });
    return claims.jti;
  }

  close(): void {
    this.#channel.close();
  }
}

export type ConnectOptions = {
  /** The same for all connections of one start of the agent. */
  boot?: string;
  change?: Record<string, unknown>;
  reportKey?: Signer;
};

/** Opens a WebSocket and answers the hello; the link is welcomed once `next('welcome')` resolves. */
export async function connect(
  target: Target,
  identity: Identity,
  options: ConnectOptions = {},
): Promise<TestLink> {
  return greet(await webSocketChannel(target), identity, options);
}

/** Connects and waits for the welcome. */
export async function connected(
  target: Target,
  identity: Identity,
  options: ConnectOptions = {},
): Promise<TestLink> {
  const link = await connect(target, identity, options);
  await link.next('welcome');
  return link;
}

export async function greet(
  channel: Channel,
  identity: Identity,
  options: ConnectOptions = {},
): Promise<TestLink> {
  const { boot = randomBytes(16).toString('base64url'), change = {}, reportKey = identity.report } = options;
  const session = await memorySigner();
  const link = new TestLink(channel, identity, session, boot);
  const hello = await link.next('hello');
  const claims = {
    iss: deviceUrn(identity.device),
    aud: identity.server,
    iat: Math.floor(identity.now() / 1_000),
    eat_nonce: hello.nonce,
    boot,
    cnf: { jwk: session.jwk },
    version: hello.versions.current,
    swversion: '0.1.0',
    ...change,
  };
  link.send({ t: 'session', jws: await seal(TYP.session, claims, reportKey) });
  return link;
}

export function webSocketChannel(
  { url, ca }: Target,
  headers: Record<string, string> = {},
): Promise<Channel> {
  const socket = new WebSocket(url.replace('https', 'wss') + '/v1/link', SUBPROTOCOL, {
    ca,
    headers,
    perMessageDeflate: false,
  });
  const frames: ServerFrame[] = [];
  let take: ((frame: ServerFrame) => void) | null = null;
  const deliver = (frame: ServerFrame) => (take === null ? frames.push(frame) : take(frame));
  socket.on('message', (data) => {
    const frame = parseFrame(serverFrame, String(data));
    if (frame !== null) deliver(frame);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => {
      socket.on('error', () => {});
      resolve({
        send: (text) => socket.send(text),
        close: () => socket.terminate(),
        onFrame(taker) {
          take = taker;
          frames.splice(0).forEach(taker);
        },
      });
    });
  });
}
