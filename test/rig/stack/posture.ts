import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook as Signer } from 'standardwebhooks';
import { CHECKOUT, type Daemon, NODE_JS, type RigNode } from '../node.ts';
import { addresses, type Rig } from '../rig.ts';
import { Agent, OFTEN } from './agent.ts';
import { type PolicyOptions, policyText } from './policy.ts';
import { usersFile } from './radius.ts';
import type { Secrets } from './secrets.ts';
import { prepareSite, type SiteOptions } from './site.ts';

export { command } from './site.ts';

const PORT = 8443;
const URL = `https://${addresses.server}:${PORT}`;
const DATA = '/var/lib/drawbridge-server';

/**
 * The posture server on `srv`, the gate's configuration on `gw` (`drawbridge-gateway render`, unedited), and what the
 * agents need. What takes no guest is done on this machine, where a program starts ten times as fast; `more` does more
 * of it, with the server's folder.
 */
export async function startPosture(
  rig: Rig,
  secrets: Secrets,
  policy?: PolicyOptions,
  more: (data: string) => void = () => {},
  site: SiteOptions = {},
): Promise<Posture> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-rig-posture-'));
  try {
    const { tokens, signalSecret } = prepareSite(folder, secrets, {
      url: URL,
      port: PORT,
      policy: policyText(policy),
      ...site,
    });
    more(join(folder, 'data'));
    const share = join(rig.folder, 'share/posture');
    cpSync(folder, share, { recursive: true });
    const [server, gateway] = [rig.node('srv'), rig.node('gw')];
    await server.must(`mkdir -p /var/lib; cp -a /share/posture/data ${DATA}`);
    await gateway.must(
      'mkdir -p /etc/freeradius /etc/drawbridge; cp -a /share/posture/gate /etc/freeradius/drawbridge; cp /share/posture/data/tls-ca.pem /etc/drawbridge/',
    );
    if (site.helper === true) cpSync(folder, join(rig.folder, 'share/gateway'), { recursive: true });
    await gateway.write({ '/etc/freeradius/drawbridge/users': usersFile(secrets) });
    rmSync(share, { recursive: true });
    return new Posture(rig, await startServer(server), tokens, signalSecret);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Resolves when it answers. */
async function startServer(node: RigNode): Promise<Daemon> {
  const argv = [NODE_JS, `${CHECKOUT}/src/cli/drawbridge-server.ts`, 'start', '--data', DATA];
  const daemon = await node.spawn('server', argv);
  await node.waitFor(`curl -sk --max-time 2 https://127.0.0.1:${PORT}/ -o /dev/null`, 240);
  return daemon;
}

/** An HTTP request as bytes, and where it goes. `caFile` is a path on the server. */
export type Webhook = { host: string; port: number; caFile: string; head: string; body: string };

/** When an order was made, its receipt came, and a report had proven it; milliseconds, by the server's clock. */
export type OrderTimes = { orderedAt: number; receivedAt: number; provenAt: number };

/** The posture server of a rig, with its agents. */
export class Posture {
  readonly #rig: Rig;
  readonly #tokens: string[];
  readonly #signalSecret: string;
  #server: Daemon;

  constructor(rig: Rig, server: Daemon, tokens: string[], signalSecret: string) {
    this.#rig = rig;
    this.#server = server;
    this.#tokens = tokens;
    this.#signalSecret = signalSecret;
  }

  /** A webhook of a security product about a device (something severe was found there, or is over), ready to be sent. */
  webhook(device: string, state: 'open' | 'closed'): Webhook {
    const id = randomUUID();
    const at = new Date();
    const body = JSON.stringify({
      id: 'alert',
      device: { id: device },
      severity: 'high',
      state,
      title: 'Rig',
    });
    const headers = {
      host: `${addresses.server}:${PORT}`,
      connection: 'close',
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'webhook-id': id,
      'webhook-timestamp': Math.floor(at.getTime() / 1_000),
      'webhook-signature': new Signer(this.#signalSecret).sign(id, at, body),
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `POST /v1/signals/edr HTTP/1.1\r\n${lines.join('')}\r\n`;
    return { host: addresses.server, port: PORT, caFile: `${DATA}/tls-ca.pem`, head, body };
  }

  /** Sends one, and waits for the answer. */
  async signal(device: string, state: 'open' | 'closed'): Promise<void> {
    const { caFile, head, body } = this.webhook(device, state);
    const connection = `openssl s_client -quiet -verify_return_error -CAfile ${caFile} -connect ${addresses.server}:${PORT}`;
    const said = await this.#rig
      .node('srv')
      .must(`timeout 20 ${connection} 2> /dev/null || true`, { stdin: `${head}${body}` });
    if (!said.startsWith('HTTP/1.1 200 '))
      throw new Error(`the webhook was answered with ${said.slice(0, 500)}`);
  }

  /** Enrols a laptop and starts its agent. */
  async startAgent(node: RigNode, settings = OFTEN): Promise<Agent> {
    const token = this.#tokens.shift() ?? '';
    await node.write({ '/etc/drawbridge/agent.yaml': settings });
    const enrolled = await node.must(
      [NODE_JS, `${CHECKOUT}/src/cli/drawbridge.ts`, 'enroll', '--server', URL, '--token-stdin', '--json'],
      { stdin: `${token}\n`, timeout: 240 },
    );
    const { device } = JSON.parse(enrolled) as { device: string };
    const agent = new Agent(this, node, device);
    await agent.start();
    return agent;
  }

  /** The administrator's API, as JSON. */
  async ask<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const data = body === undefined ? '' : `-H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
    const said = await this.#rig
      .node('srv')
      .must(
        `curl -sS --fail-with-body --max-time 20 --cacert ${DATA}/tls-ca.pem -X ${method} ${data} -H "Authorization: Bearer $(cat ${DATA}/admin-token)" '${URL}${path}'`,
      );
    return JSON.parse(said) as T;
  }

  /** Another policy, in force at once. */
  async setPolicy(policy: PolicyOptions): Promise<void> {
    const server = this.#rig.node('srv');
    await server.write({ [`${DATA}/policy.yaml`]: policyText(policy) });
    await this.#server.signal('HUP');
  }

  /** As a crash. */
  async killServer(): Promise<void> {
    await this.#server.signal('KILL');
  }

  /** Resolves when it answers again. */
  async restartServer(): Promise<void> {
    this.#server = await startServer(this.#rig.node('srv'));
  }

  /** Rows of the server's database. */
  async rows(query: string): Promise<Record<string, unknown>[]> {
    const said = await this.#inDatabase(
      `console.log(JSON.stringify(db.prepare(process.argv[1]).all()))`,
      query,
    );
    return JSON.parse(said) as Record<string, unknown>[];
  }

  /** From now on the database itself notes when the state of an order changes, so that nobody has to keep asking. */
  async noteOrderTimes(): Promise<void> {
    const noting = (what: string, event: string) => `CREATE TRIGGER times_${what} AFTER ${event} ON orders
      BEGIN INSERT INTO order_times VALUES (new.id, new.state, unixepoch('subsec') * 1000); END;`;
    await this.#inDatabase(
      'db.exec(process.argv[1])',
      `CREATE TABLE order_times (id, state, at); ${noting('changed', 'UPDATE OF state')}`,
    );
  }

  /** Of orders that were proven since `noteOrderTimes`. */
  async orderTimes(): Promise<ReadonlyMap<string, OrderTimes>> {
    const rows = await this.rows(
      `SELECT orders.id, issued_at, done.at AS received, min(proven.at) AS proven FROM orders
        JOIN order_times done ON done.id = orders.id AND done.state = 'done'
        JOIN order_times proven ON proven.id = orders.id AND proven.state = 'proven' GROUP BY orders.id`,
    );
    const times = rows.map((row): [string, OrderTimes] => [
      String(row.id),
      { orderedAt: Number(row.issued_at), receivedAt: Number(row.received), provenAt: Number(row.proven) },
    ]);
    return new Map(times);
  }

  async #inDatabase(program: string, argument: string): Promise<string> {
    const open = `const { DatabaseSync } = require('node:sqlite'); const db = new DatabaseSync('${DATA}/drawbridge.db');`;
    return this.#rig.node('srv').must([NODE_JS, '-e', `${open} ${program}`, argument]);
  }
}
