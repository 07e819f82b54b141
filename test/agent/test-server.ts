import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { sessionSigner } from '../../src/agent/keys.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import type { Decision } from '../../src/wire/decision.ts';
import { challengeRequest, enrolClaims, type EnrolClaims } from '../../src/wire/enrolment.ts';
import { inspect, open, seal, TYP, type PublicJwk, type Signer } from '../../src/wire/envelope.ts';
import { agentFrame, linkRequest, parseFrame, type ServerFrame } from '../../src/wire/frames.ts';
import { deviceUrn, serverUrn } from '../../src/wire/ids.ts';
import type { OrderClaims, ReceiptClaims } from '../../src/wire/order.ts';
import type { ReportClaims } from '../../src/wire/report-claims.ts';
import { formatToken } from '../../src/wire/token.ts';
import { OUR_VERSIONS, SUBPROTOCOL } from '../../src/wire/version.ts';
import { makeTls, type TestTls } from './certificates.ts';
import { newNonce, TestConnection } from './test-connection.ts';

export type Received = ReportClaims & { via: 'websocket' | 'https'; connection: number };

/** What the server does with a report instead of acknowledging it. */
export type Reaction = 'ack' | 'ignore' | 'close' | { nack: string };

export type TestServerOptions = {
  tls?: TestTls;
  /** Milliseconds by which the server's clock is ahead of this machine's. */
  aheadMs?: number;
  websocket?: 'open' | 'refuse' | 'swallow';
  /** Tells in the enrolment's answer. */
  status?: 'enrolled' | 'pending';
  welcome?: { heartbeat_s?: number; full_s?: number; seq_min?: number };
  /** Milliseconds that acknowledgements are on their way. */
  ackDelayMs?: number;
  /** Signs with another order root than the tokens name. */
  foreignRoot?: boolean;
};

/** A small posture server: verifies what it gets as the protocol says, remembers it, and does as it is told. */
export class TestServer {
  readonly reports: Received[] = [];
  readonly receipts: ReceiptClaims[] = [];
  readonly enrolments: EnrolClaims[] = [];
  readonly connections: TestConnection[] = [];
  /** Decides about each report; `ack` by default. */
  react: (claims: ReportClaims) => Reaction = () => 'ack';
  /** Said as bye in place of the welcome. */
  refuseSession: string | null = null;
  /** Answers an enrolment but loses the answer. */
  loseEnrolmentAnswer = false;
  acknowledgeReceipts = true;
  decision: Decision | null = null;
  readonly orderKey: Signer;
  readonly tls: TestTls;
  readonly options: TestServerOptions;
  readonly device = uuidv7(Date.now());
  readonly #root: Signer;
  readonly #named: Signer;
  readonly #server: Server;
  readonly #challenges = new Set<string>();
  readonly #links = new Map<string, HttpsLink>();
  readonly #sockets = new Set<Socket>();
  reportKey: PublicJwk | null = null;

  private constructor(options: TestServerOptions, tls: TestTls, keys: [Signer, Signer, Signer]) {
    [this.#root, this.#named, this.orderKey] = keys;
    this.options = options;
    this.tls = tls;
    this.#server = createServer({ cert: tls.cert, key: tls.key });
    this.#server.on('request', (request, response) => void this.#onRequest(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#acceptWebSockets();
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const root = await sessionSigner();
    const named = options.foreignRoot === true ? await sessionSigner() : root;
    const tls = options.tls ?? (await makeTls());
    const server = new TestServer(options, tls, [root, named, await sessionSigner()]);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `https://localhost:${this.port}`;
  }

  get now(): number {
    return Date.now() + (this.options.aheadMs ?? 0);
  }

  get urn(): string {
    return serverUrn(this.#named.kid);
  }

  get last(): TestConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('nobody has connected');
    return connection;
  }

  get reportIds(): string[] {
    return this.reports.filter((one) => one.kind !== 'heartbeat').map((one) => one.jti);
  }

  token(id = 'test-token'): string {
    return formatToken({ id, secret: 'A'.repeat(22), orderRoot: this.#named.kid });
  }

  /** An order for this device, signed as a server would. */
  async order(change: Partial<OrderClaims> = {}, signer = this.orderKey): Promise<string> {
    const jti = uuidv7(Date.now());
    const seconds = Math.floor(this.now / 1_000);
    const claims = {
      iss: this.urn,
      aud: deviceUrn(this.device),
      jti,
      iat: seconds,
      nbf: seconds,
      exp: seconds + 300,
      oseq: this.now,
      cause: { reason: 'test' },
      oc2: { action: 'scan', target: { features: [] }, args: {}, command_id: jti },
      ...change,
    };
    return seal(TYP.order, claims, signer);
  }

  async policy(change: Record<string, unknown> = {}): Promise<string> {
    const seconds = Math.floor(this.now / 1_000);
    const claims = {
      iss: this.urn,
      aud: deviceUrn(this.device),
      iat: seconds,
      exp: seconds + 3_600,
      version: 1,
      policy: { version: 1, name: 'standing' },
      ...change,
    };
    return seal(TYP.policy, claims, this.orderKey);
  }

  /** Ends all connections without a word, as a crash or a pulled cable does. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.dropConnections();
    for (const link of this.#links.values()) link.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #acceptWebSockets(): void {
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.options.websocket === 'refuse') {
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
        return;
      }
      sockets.handleUpgrade(request, socket, head, (ws) => {
        if (this.options.websocket !== 'swallow') this.#attach(ws);
      });
    });
  }

  #attach(ws: WebSocket): void {
    const connection = this.#connect(
      'websocket',
      (frame) => ws.send(JSON.stringify(frame)),
      () => ws.close(),
    );
    ws.on('message', (data) => {
      const frame = parseFrame(agentFrame, String(data));
      if (frame !== null) void connection.receive(frame);
    });
  }

  #connect(
    via: 'websocket' | 'https',
    send: (frame: ServerFrame) => void,
    close: () => void,
  ): TestConnection {
    const connection = new TestConnection(this, via, this.connections.length, send, close);
    this.connections.push(connection);
    connection.hello();
    return connection;
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    const body: unknown = JSON.parse(await readAll(request));
    if (request.url === '/v1/enroll/challenge') return answer(200, { jws: await this.#challenge(body) });
    if (request.url === '/v1/enroll') {
      const [status, result] = await this.#enrol(body);
      if (this.loseEnrolmentAnswer) return void request.socket.destroy();
      return answer(status, result);
    }
    if (request.url === '/v1/link') return answer(200, await this.#onLink(body));
    return answer(404, { err: 'not_found' });
  }

  #challenge(body: unknown): Promise<string> {
    const { nonce } = challengeRequest.parse(body);
    const challenge = newNonce();
    this.#challenges.add(challenge);
    const claims = {
      iss: this.urn,
      iat: Math.floor(this.now / 1_000),
      nonce,
      challenge,
      tls_ca: this.tls.ca,
      versions: OUR_VERSIONS,
    };
    return seal(TYP.enrollChallenge, claims, this.#root, true);
  }

  async #enrol(body: unknown): Promise<[number, unknown]> {
    const { jws } = body as { jws: string };
    const header = inspect(jws, TYP.enroll, 65_536);
    if (!header.ok || header.value.jwk === undefined) return [400, { err: 'malformed' }];
    const claims = await open(jws, header.value.jwk, enrolClaims);
    if (!claims.ok) return [400, { err: claims.error }];
    if (!this.#challenges.delete(claims.value.nonce)) return [400, { err: 'challenge_unknown' }];
    if (claims.value.token.secret !== 'A'.repeat(22)) return [403, { err: 'token_unknown' }];
    const seconds = Math.floor(this.now / 1_000);
    if (Math.abs(claims.value.iat - seconds) > 120) return [400, { err: 'clock_skew' }];
    this.enrolments.push(claims.value);
    this.reportKey = header.value.jwk;
    const result = {
      iss: this.urn,
      aud: deviceUrn(this.device),
      iat: seconds,
      nonce: claims.value.nonce,
      device: this.device,
      status: this.options.status ?? 'enrolled',
      order_keys: [this.orderKey.jwk],
    };
    return [200, { jws: await seal(TYP.enrollResult, result, this.#root, true) }];
  }

  async #onLink(body: unknown): Promise<unknown> {
    const { link, frames } = linkRequest.parse(body);
    const known = link === null ? this.#openLink() : this.#links.get(link);
    if (known === undefined) return { link, frames: [], closed: true };
    for (const frame of frames) await known.connection.receive(frame);
    if (link !== null && frames.length === 0) await known.something();
    return { link: known.name, frames: known.takeFrames(), closed: known.closed };
  }

  #openLink(): HttpsLink {
    const link = new HttpsLink();
    link.connection = this.#connect(
      'https',
      (frame) => link.put(frame),
      () => link.close(),
    );
    this.#links.set(link.name, link);
    return link;
  }
}

/** Frames that wait for the next HTTPS request of one link. */
class HttpsLink {
  readonly name = newNonce();
  connection!: TestConnection;
  closed = false;
  #frames: ServerFrame[] = [];
  #wake: () => void = () => {};

  put(frame: ServerFrame): void {
    this.#frames.push(frame);
    this.#wake();
  }

  close(): void {
    this.closed = true;
    this.#wake();
  }

  takeFrames(): ServerFrame[] {
    return this.#frames.splice(0);
  }

  async something(): Promise<void> {
    if (this.#frames.length > 0 || this.closed) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, 20_000).unref();
    });
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
