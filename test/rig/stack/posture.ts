import { randomUUID } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook as Signer } from 'standardwebhooks';
import { stringify } from 'yaml';
import { checkIds, type CheckId } from '../../../collectors/specs.ts';
import { CHECKOUT, type Daemon, NODE_JS, type RigNode } from '../node.ts';
import { addresses, type Rig } from '../rig.ts';
import { usersFile } from './radius.ts';
import type { Secrets } from './secrets.ts';
import { prepareSite, type SiteOptions } from './site.ts';

export { command } from './site.ts';

const PORT = 8443;
const URL = `https://${addresses.server}:${PORT}`;
const DATA = '/var/lib/drawbridge-server';

/** The program that an unhealthy laptop runs. */
export const FORBIDDEN = 'forbidden-thing';

/** What the policy says of a laptop where the forbidden program runs. */
export type PolicyOptions = {
  access?: 'allow' | 'restrict' | 'quarantine' | 'deny';
  standing?: 'high' | 'never';
};

/** A policy that looks at one thing, which tests can turn on and off: a program that must not run. */
export function policyText({ access = 'deny', standing = 'never' }: PolicyOptions = {}): string {
  const checks = Object.fromEntries(checkIds.map((id) => [id, { weight: 0 }]));
  return stringify({
    version: 1,
    name: 'rig',
    access: { low: 'allow', medium: 'restrict', high: access },
    heartbeat: { everySeconds: 5 },
    standing: { deny: standing },
    watch: { [FORBIDDEN]: { linux: [FORBIDDEN] } },
    checks: { ...checks, processes: { weight: 100, floor: 'high' } },
  });
}

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
    const daemon = await server.spawn('server', [
      NODE_JS,
      `${CHECKOUT}/src/cli/drawbridge-server.ts`,
      'start',
      '--data',
      DATA,
    ]);
    await server.waitFor(`curl -sk --max-time 2 https://127.0.0.1:8443/ -o /dev/null`, 240);
    return new Posture(rig, daemon, tokens, signalSecret);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An HTTP request as bytes, and where it goes. `caFile` is a path on the server. */
export type Webhook = { host: string; port: number; caFile: string; head: string; body: string };

/** An agent that looks all the time. */
const OFTEN = 'collect: { everySeconds: 10, budget: { cpuPercent: 100, rssMiB: 4096 } }\n';

/** When an order was made, its receipt came, and a report had proven it; milliseconds, by the server's clock. */
export type OrderTimes = { orderedAt: number; receivedAt: number; provenAt: number };

/** The posture server of a rig, with its agents. */
export class Posture {
  readonly server: Daemon;
  readonly #rig: Rig;
  readonly #tokens: string[];
  readonly #signalSecret: string;

  constructor(rig: Rig, server: Daemon, tokens: string[], signalSecret: string) {
    this.#rig = rig;
    this.server = server;
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
      { stdin: `${token}\n`, timeout: 120 },
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
    await this.server.signal('HUP');
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

type Shown = {
  connected: boolean;
  decision: { access: string } | null;
  readings: Partial<Record<CheckId, { at: string }>>;
  orders?: { action: string; state: string; issuedAt: string; reason: string | null }[];
};

type Ordered = {
  id: string;
  state: string;
  reason: string | null;
  issuedAt: string;
  doneAt: string | null;
};

export class Agent {
  readonly device: string;
  readonly node: RigNode;
  readonly #posture: Posture;
  #daemon: Daemon | null = null;

  constructor(posture: Posture, node: RigNode, device: string) {
    this.#posture = posture;
    this.node = node;
    this.device = device;
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error('the agent was not started');
    return this.#daemon;
  }

  /** Resolves when the server has decided about the laptop. */
  async start(): Promise<void> {
    this.#daemon = await this.node.spawn('agent', [NODE_JS, `${CHECKOUT}/src/cli/drawbridge.ts`, 'agent']);
    await this.until(({ decision }) => decision?.access === 'allow', 'leave to connect', 240);
  }

  shown(): Promise<Shown> {
    return this.#posture.ask<Shown>('GET', `/v1/devices/${this.device}`);
  }

  /** Waits until the server shows the laptop as asked for. */
  async until(is: (shown: Shown) => boolean, what: string, seconds = 90): Promise<Shown> {
    const end = Date.now() + seconds * 1_000;
    for (;;) {
      const shown = await this.shown();
      if (is(shown)) return shown;
      if (Date.now() > end)
        throw new Error(`no ${what} within ${seconds} s: ${JSON.stringify(shown).slice(0, 2_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Waits until the laptop has confirmed that it did as the newest order of this kind says. */
  async untilOrdered(action: 'deny' | 'allow'): Promise<void> {
    await this.until(({ orders = [] }) => {
      const last = orders.find((order) => ['deny', 'allow'].includes(order.action));
      if (last?.action === action && last.state === 'failed') throw new Error(`failed: ${last.reason}`);
      return last?.action === action && ['done', 'proven'].includes(last.state);
    }, `${action} that was done`);
  }

  /** Has everything read now, and answers with what the server then shows of one check. */
  async readAnew(check: CheckId): Promise<unknown> {
    const { readings: before } = await this.shown();
    await this.#scan();
    const { readings } = await this.until(
      (shown) => shown.readings[check]?.at !== before[check]?.at,
      `new reading of ${check}`,
    );
    return readings[check];
  }

  /** Orders something and answers with the order's id. */
  async order(action: 'deny' | 'allow' | 'set', more: object = {}): Promise<string> {
    const asked = { action, ...more };
    const { id, hint } = await this.#posture.ask<{ id: string | null; hint: string }>(
      'POST',
      `/v1/devices/${this.device}/orders`,
      asked,
    );
    if (id === null) throw new Error(`not ordered: ${hint}`);
    return id;
  }

  /** Waits until the order is proven; asks seldom, since asking costs the emulated machine as much as the order. */
  async untilProven(order: string, seconds = 120): Promise<Ordered> {
    const end = Date.now() + seconds * 1_000;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const orders = await this.#posture.ask<Ordered[]>('GET', `/v1/orders?device=${this.device}&limit=5`);
      const own = orders.find(({ id }) => id === order);
      if (own?.state === 'proven') return own;
      if (own?.state === 'failed' || Date.now() > end)
        throw new Error(`the order was not proven: ${own?.state} ${own?.reason}`);
    }
  }

  /** Starts or ends the forbidden program, and has it reported. */
  async setHealthy(healthy: boolean): Promise<void> {
    await (healthy
      ? this.node.exec(`pkill -x ${FORBIDDEN}`)
      : this.node.must(
          `mkdir -p /usr/local/bin; cp /bin/sleep /usr/local/bin/${FORBIDDEN}; setsid /usr/local/bin/${FORBIDDEN} 100000 < /dev/null > /dev/null 2>&1 &`,
        ));
    await this.#scan();
  }

  async #scan(): Promise<void> {
    await this.#posture.ask('POST', `/v1/devices/${this.device}/orders`, { action: 'scan' });
  }
}
