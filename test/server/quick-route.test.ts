import { request, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAttributes } from '../../src/server/gateway-request.ts';
import { createHttp, HttpProblem } from '../../src/server/http.ts';
import { addQuickRoute } from '../../src/server/quick-route.ts';
import { makeTls } from '../agent/certificates.ts';
import { gatewayCredential } from './gateway.ts';
import { startRig, type Rig } from './rig.ts';
import type { Target } from './test-agent.ts';

type Said = { status: number; headers: Record<string, unknown>; body: string };

const PATH = '/v1/radius/post-auth';

/** Without `content-length` in `headers`, the body goes in chunks. */
function ask(target: Target, body: string | Buffer, options: RequestOptions = {}): Promise<Said> {
  const { headers = {}, ...rest } = options;
  return new Promise((resolve, reject) => {
    const all = { method: 'POST', ca: target.ca, headers, ...rest };
    const outgoing = request(new URL(rest.path ?? PATH, target.url), all, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (part: string) => (text += part));
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }),
      );
    });
    outgoing.once('error', reject);
    outgoing.write(body);
    outgoing.end();
  });
}

describe('a login', () => {
  let rig: Rig;
  let credential: string;
  beforeAll(async () => {
    rig = await startRig();
    credential = await gatewayCredential(rig.paths.database);
  });
  afterAll(() => rig.close());

  const login = JSON.stringify({ user_name: 'alice', calling_station_id: '127.0.0.1' });
  const plain = (body: string | Buffer, authorization = `Bearer ${credential}`) =>
    ask(rig.target, body, { headers: { ...json(body), authorization } });
  const slow = (body: string | Buffer, authorization = `Bearer ${credential}`) =>
    ask(rig.target, body, { headers: { 'content-type': 'application/json', authorization } });
  /** What differs from login to login. */
  const told = ({ status, headers, body }: Said) => ({
    status,
    body: body.replace(/p1;n=[\w-]{22}/, 'p1'),
    type: headers['content-type'],
    cache: headers['cache-control'],
    framing: headers['x-frame-options'],
  });

  test.each([
    ['in order', login, 200],
    ['of nobody', '{}', 400],
    ['that is no JSON', '{"user_name"', 400],
    ['that is no object', 'null', 400],
    ['of bytes that are no UTF-8', Buffer.from('{"user_name":"\xff\xfe"}', 'latin1'), 200],
  ])('%s is answered the same by the short way and by the framework’s', async (_what, body, status) => {
    const short = await plain(body);
    const long = await slow(body);
    expect(short.status).toBe(status);
    expect(short.headers['x-ratelimit-limit']).toBe(undefined);
    expect(long.headers['x-ratelimit-limit']).toBe('60000');
    expect(told(short)).toEqual(told(long));
  });

  test.each(['Bearer gw_nobody.secret', 'Basic eDp5', ''])(
    'with the credential “%s” is refused by both',
    async (authorization) => {
      const short = await plain(login, authorization);
      expect(short.status).toBe(401);
      expect(told(short)).toEqual(told(await slow(login, authorization)));
    },
  );

  test('that is too long is refused before it was read', async () => {
    const body = JSON.stringify({ user_name: 'x'.repeat(70_000) });
    expect((await plain(body)).status).toBe(413);
  });

  test.each<[string, RequestOptions]>([
    ['of another type', { headers: { 'content-type': 'text/plain' } }],
    ['that was forwarded', { headers: { 'x-forwarded-for': '192.0.2.1' } }],
    ['with a query', { path: `${PATH}?x=1` }],
  ])('%s is the framework’s', async (_what, { headers, ...rest }) => {
    const said = await ask(rig.target, login, {
      ...rest,
      headers: { ...json(login), authorization: `Bearer ${credential}`, ...(headers as object) },
    });
    expect(said.headers['x-ratelimit-limit']).not.toBe(undefined);
  });

  test('that breaks off leaves the server well', async () => {
    const headers = { 'content-type': 'application/json', 'content-length': 500 };
    const broken = request(new URL(PATH, rig.target.url), { method: 'POST', ca: rig.target.ca, headers });
    const ended = new Promise((resolve) => broken.once('error', resolve));
    broken.write('{"user_name":');
    setTimeout(() => broken.destroy(new Error('cut')), 50);
    await ended;
    expect((await plain(login)).status).toBe(200);
  });
});

function json(body: string | Buffer) {
  return { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
}

test('what is too much for a minute goes to the framework, and what throws is told to the log', async () => {
  const { cert, key, ca } = await makeTls();
  const app = await createHttp({ cert, key, ca }, () => 'somebody');
  const logged: string[] = [];
  app.post('/x', async () => ({ by: 'framework' }));
  addQuickRoute(app, {
    path: '/x',
    maxBytes: 100,
    perMinute: 3,
    parse: (bytes) => JSON.parse(bytes.toString()) as unknown,
    async answer(_request, body) {
      if (body === 'wrong') throw new Error('at fault');
      if (body === 'refused') throw new HttpProblem(403, 'revoked');
      return { by: 'short way' };
    },
    log: { error: (_details, message) => void logged.push(message) },
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const target = { url: `https://localhost:${(app.server.address() as AddressInfo).port}`, ca };
  const answers: Said[] = [];
  for (const body of ['"a"', '"wrong"', '"refused"', '"a"'])
    answers.push(await ask(target, body, { path: '/x', headers: json(body) }));
  await app.close();
  expect(answers.map(({ status }) => status)).toEqual([200, 500, 403, 200]);
  expect(answers.map(({ body }) => (JSON.parse(body) as { by?: string }).by)).toEqual([
    'short way',
    undefined,
    undefined,
    'framework',
  ]);
  expect(logged).toEqual(['request failed']);
});

test('our own template of a login is read by its fixed names, as any other body is by its own', () => {
  const file = join(import.meta.dirname, '../../packaging/gateway/freeradius/drawbridge/rest.conf');
  const template = /data = '(\{"user_name".*"credential".*\})'/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  const names = [...template.matchAll(/"(\w+)":"/g)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThan(10);
  const own = Object.fromEntries(names.map((name) => [name, `value of ${name}`]));
  const { more: _more, ...rest } = Object.fromEntries(parseAttributes({ ...own, more: 'x' }) ?? []);
  expect(Object.fromEntries(parseAttributes(own) ?? [])).toEqual(rest);
  expect(rest['nas_ip_address']).toEqual(['value of nas_ip']);
  expect(parseAttributes({ ...own, user_name: 'x'.repeat(1_025) })).toBe(null);
});
