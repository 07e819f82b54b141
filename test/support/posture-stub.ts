// Stands in for a posture server where a test needs it to hang, to be slow, or to answer what the real one never would.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTls, type TestTls } from '../agent/certificates.ts';

export type Asked = { path: string; headers: Record<string, unknown>; text: string };

/** What is answered; `hang` never answers, `reset` ends the connection. */
export type Behaviour = 'hang' | 'reset' | { status?: number; type?: string; text: string; afterMs?: number };

export type PostureStub = {
  url: string;
  /** Every request so far, oldest first. */
  asked: Asked[];
  behave(behaviour: Behaviour): void;
  /** Ends it, its connections too; `start` makes it listen on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
};

/** Any number of servers with certificates of one authority. Has to be removed. */
export async function postureStubs(count: number) {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-stub-'));
  const tls = await makeTls();
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, tls.ca);
  const stubs = await Promise.all(Array.from({ length: count }, () => startStub(tls)));
  return {
    stubs,
    posture: { urls: stubs.map(({ url }) => url), caFile, credential: 'gw_stub.AAAAAAAAAAAAAAAAAAAAAA' },
    async remove() {
      await Promise.all(stubs.map((stub) => stub.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An answer in rlm_rest's form: the access, and attributes of the reply. */
export function saying(access: string, reply: Record<string, unknown> = {}): Behaviour {
  const attributes = Object.entries(reply).map(([name, value]) => [`reply:${name}`, quiet(value)]);
  const all = { 'control:Tmp-String-0': quiet(access), ...Object.fromEntries(attributes) };
  return { text: JSON.stringify(all) };
}

/** As the real server does: not expanded, and backslashes doubled, since FreeRADIUS reads them as escapes. */
const quiet = (value: unknown) => ({
  op: ':=',
  do_xlat: false,
  value: [typeof value === 'string' ? value.replaceAll('\\', '\\\\') : value],
});

async function startStub(tls: TestTls): Promise<PostureStub> {
  let behaviour: Behaviour = { status: 503, text: '' };
  const asked: Asked[] = [];
  let server = await listening(0);
  const { port } = server.address() as AddressInfo;

  function listening(at: number): Promise<Server> {
    const made = createServer({ cert: tls.cert, key: tls.key }, (request, response) => {
      let text = '';
      request.setEncoding('latin1').on('data', (more: string) => (text += more));
      request.on('end', () => {
        asked.push({ path: request.url ?? '', headers: request.headers, text });
        if (behaviour === 'hang') return;
        if (behaviour === 'reset') return void request.socket.destroy();
        const { status = 200, type = 'application/json', text: body, afterMs = 0 } = behaviour;
        setTimeout(() => response.writeHead(status, { 'content-type': type }).end(body), afterMs);
      });
    });
    return new Promise((resolve) => made.listen(at, '127.0.0.1', () => resolve(made)));
  }

  return {
    url: `https://127.0.0.1:${port}`,
    asked,
    behave: (next) => (behaviour = next),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    async start() {
      server = await listening(port);
    },
  };
}
