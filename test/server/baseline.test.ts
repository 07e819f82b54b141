import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Baseline } from '../../src/policy/baseline.ts';
import { baselineSchema } from '../../src/policy/baseline-schema.ts';
import { baselineInForce, importBaseline, shippedBaseline } from '../../src/server/baseline.ts';
import { fetchText } from '../../src/server/baseline-fetch.ts';
import { openBaseline, sealBaseline } from '../../src/server/baseline-file.ts';
import { findBaseline } from '../../src/server/store/baselines.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Store } from '../../src/server/store/store.ts';
import { seal, TYP, type Signer } from '../../src/wire/envelope.ts';
import { generateJwk, softwareSigner } from '../../src/wire/software-key.ts';
import { makeTls } from '../agent/certificates.ts';
import { healthyReadings } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { payloadOf } from './test-agent.ts';

const DAY = 86_400_000;
const dayAgo = (days: number) => new Date(Date.now() - days * DAY).toISOString().slice(0, 10);

const baselineOf = (date: string, change: Partial<Baseline> = {}): Baseline =>
  baselineSchema.parse({
    version: 1,
    date,
    sources: ['a test'],
    linux: {
      asOf: date,
      releases: [{ family: 'debian', version: '13', name: 'Debian 13', endOfSupport: '2099-01-01' }],
    },
    ...change,
  });

let folder: string;
let store: Store;
let signer: Signer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-baseline-'));
  store = await openSqlite(join(folder, 'test.db'));
  signer = await softwareSigner(await generateJwk());
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const by = { actor: 'test', now: Date.now() };

describe('a signed baseline', () => {
  test('is opened by whoever trusts its key', async () => {
    const jws = await sealBaseline(baselineOf('2026-11-01'), signer);
    expect(await openBaseline(`${jws}\n`, new Set([signer.kid]))).toEqual({
      ok: true,
      value: { baseline: baselineOf('2026-11-01'), signer: signer.kid },
    });
  });

  test('is refused from a stranger, changed, of another kind, under another’s name, too large, or none at all', async () => {
    const trusted = new Set([signer.kid]);
    const stranger = await softwareSigner(await generateJwk());
    const jws = await sealBaseline(baselineOf('2026-11-01'), signer);
    const [head = '', , signature = ''] = jws.split('.');
    const body = Buffer.from(JSON.stringify(baselineOf('2026-12-01'))).toString('base64url');
    const refusals: [string, string][] = [
      [await sealBaseline(baselineOf('2026-11-01'), stranger), stranger.kid],
      [`${head}.${body}.${signature}`, 'changed after it was signed'],
      [await seal(TYP.policy, baselineOf('2026-11-01'), signer, true), 'no signed baseline'],
      [await seal(TYP.baseline, baselineOf('2026-11-01'), signer), 'no signed baseline'],
      [
        await seal(TYP.baseline, baselineOf('2026-11-01'), { ...stranger, kid: signer.kid }, true),
        'no signed baseline',
      ],
      [await seal(TYP.baseline, { version: 2 }, signer, true), 'no baseline of this version'],
      ['x'.repeat(3_000_000), 'larger than 2 MiB'],
      [JSON.stringify(baselineOf('2026-11-01')), 'no signed baseline'],
      ['', 'no signed baseline'],
    ];
    for (const [text, why] of refusals) {
      expect(await openBaseline(text, trusted), why).toMatchObject({
        ok: false,
        error: expect.stringContaining(why),
      });
    }
  });
});

describe('importing', () => {
  const put = (baseline: Baseline, older = false) =>
    store.write((db) => importBaseline(db, { baseline, signer: signer.kid }, by, older));

  test('a newer one replaces an older one, never the reverse unless it is asked for; each is in the audit', async () => {
    expect(await put(baselineOf('2026-10-01'))).toMatchObject({ ok: true });
    expect(await put(baselineOf('2026-11-01'))).toMatchObject({ ok: true });
    expect(await put(baselineOf('2026-10-15'))).toMatchObject({
      ok: false,
      error: expect.stringContaining('is of 2026-10-15, the one in force of 2026-11-01'),
    });
    // Put together later, but of what is older: it would hide releases that are known already.
    const hollow = baselineOf('2026-11-02', { linux: { asOf: '2026-10-01', releases: [] } });
    expect(await put(hollow)).toMatchObject({
      ok: false,
      error: expect.stringContaining('linux up to 2026-10-01'),
    });
    expect(await put(baselineOf('2026-11-02', { linux: null }))).toMatchObject({ ok: false });
    expect((await store.read(findBaseline))?.baseline.date).toBe('2026-11-01');
    expect(await put(baselineOf('2026-10-15'), true)).toMatchObject({ ok: true });
    const rows = await store.read((db) => db.selectFrom('audit').selectAll().execute());
    expect(rows.map(({ action, subject, actor }) => [action, subject, actor])).toEqual([
      ['import baseline', '2026-10-01', 'test'],
      ['import baseline', '2026-11-01', 'test'],
      ['import baseline', '2026-10-15', 'test'],
    ]);
  });

  test('a server takes the shipped one where it is newer, and leaves an organisation’s own that is not older', async () => {
    const shipped = await shippedBaseline();
    await store.write((db) =>
      importBaseline(db, { baseline: baselineOf('2020-01-01'), signer: 'x' }, by, true),
    );
    // Debian's section of the old one is older too, so nothing is lost by taking the shipped one.
    expect(await baselineInForce(store, Date.now())).toEqual(shipped);
    expect(await store.read(findBaseline)).toMatchObject({ signer: 'shipped', by: 'server' });
    const own = baselineOf('2099-01-01', { windows: shipped.windows, macos: shipped.macos });
    expect(await store.write((db) => importBaseline(db, { baseline: own, signer: 'x' }, by))).toMatchObject({
      ok: true,
    });
    expect(await baselineInForce(store, Date.now())).toEqual(own);
  });

  test('what is shipped says how old each part of it is, and where it comes from', async () => {
    const shipped = await shippedBaseline();
    expect(shipped.sources.length).toBeGreaterThan(2);
    for (const section of [shipped.windows, shipped.macos, shipped.linux]) {
      expect(section?.releases.length).toBeGreaterThan(2);
      expect(section && section.asOf <= shipped.date).toBe(true);
    }
    expect(Buffer.byteLength(JSON.stringify(shipped))).toBeLessThan(64 * 1024);
  });
});

describe('fetching', () => {
  let web: Server;
  let address: string;
  let ca = '';
  beforeAll(async () => {
    const tls = await makeTls();
    web = createServer(tls, (request, response) => {
      if (request.url === '/redirect')
        response.writeHead(302, { location: 'https://127.0.0.1/elsewhere' }).end();
      else if (request.url === '/missing') response.writeHead(404).end();
      else if (request.url === '/large') response.end('x'.repeat(100_000));
      else if (request.url === '/slow') response.write('x');
      else response.end('content');
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    address = `https://127.0.0.1:${(web.address() as AddressInfo).port}`;
    ca = tls.ca;
  });
  afterAll(() => {
    web.closeAllConnections();
    web.close();
  });
  const fetched = (path: string, limits: { maxBytes?: number; timeoutMs?: number } = {}) =>
    fetchText(`${address}${path}`, { maxBytes: 50_000, ca, ...limits });

  test('a text comes whole; redirects, errors, floods and silence do not', async () => {
    expect(await fetched('/')).toEqual({ ok: true, value: 'content' });
    const wrong: [string, string][] = [
      ['/redirect', 'redirect'],
      ['/missing', '404'],
      ['/large', 'larger than 50000 bytes'],
    ];
    for (const [path, why] of wrong) {
      expect(await fetched(path)).toMatchObject({ ok: false, error: expect.stringContaining(why) });
    }
    expect(await fetched('/slow', { timeoutMs: 200 })).toMatchObject({ ok: false });
  });

  test.each([
    'http://127.0.0.1/x',
    'file:///etc/passwd',
    'https://anna:secret@127.0.0.1/x',
    'ftp://x/y',
    'nonsense',
  ])('%s is not fetched at all', async (url) => {
    const answer = await fetchText(url, { maxBytes: 1_000 });
    expect(answer).toMatchObject({ ok: false });
    expect(JSON.stringify(answer)).not.toContain('secret');
  });

  test('an authority that nobody trusts is an error', async () => {
    expect(await fetchText(`${address}/`, { maxBytes: 1_000 })).toMatchObject({
      ok: false,
      error: expect.stringMatching(/could not be asked: [A-Z_]+/),
    });
  });
});

describe('a running server', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig({
      policy: `
version: 1
name: supported
risk: { medium: 20, high: 60 }
checks:
  os-version: { weight: 30, grace: { hours: 0 }, unknown: { graceHours: 0, then: fail }, expect: { supportKnown: true } }
`,
    });
  });
  afterAll(() => rig.close());

  test('judges by it, gives each device its part, and takes another one while it runs', async () => {
    const link = await rig.link();
    const at = () => new Date(rig.clock.now()).toISOString();
    const version = { ...healthyReadings(at())['os-version'] };
    if (version.state !== 'known') throw new Error('no version');
    const debian = {
      ...version.fact,
      platform: 'linux' as const,
      family: 'debian',
      version: '13',
      endOfSupport: null,
    };
    await link.report({ readings: healthyReadings(at(), { 'os-version': debian }) });
    const beside = await openSqlite(rig.paths.database);
    const take = (baseline: Baseline) =>
      beside.write((db) =>
        importBaseline(db, { baseline, signer: 'x' }, { actor: 'test', now: rig.clock.now() }, true),
      );
    const verdict = async () =>
      (await rig.document(link.identity.device)).verdicts.find(({ check }) => check === 'os-version');
    const tick = () => {
      rig.clock.advance(1_000);
      return verdict();
    };
    try {
      await take(baselineOf(dayAgo(1)));
      await expectEventually(tick, (one) => one?.level === 'pass');
      await take(
        baselineOf(dayAgo(0), {
          linux: {
            asOf: dayAgo(0),
            releases: [
              {
                family: 'debian',
                version: '13',
                name: 'x',
                endOfSupport: '2020-01-01',
                longTermUntil: null,
                extendedUntil: null,
              },
              {
                family: 'debian',
                version: '12',
                name: 'x',
                endOfSupport: '2020-01-01',
                longTermUntil: null,
                extendedUntil: null,
              },
            ],
          },
        }),
      );
      await expectEventually(tick, (one) => one?.reason === 'os-end-of-life');
      await expectEventually(
        () => link.frames.flatMap((frame) => (frame.t === 'policy' ? [payloadOf(frame.jws)['policy']] : [])),
        (policies) => {
          const own = policies.at(-1) as { baseline: Baseline } | undefined;
          return own?.baseline.linux?.releases.map((one) => one.version).join() === '13';
        },
      );
    } finally {
      await beside.close();
    }
  });
});
