import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fact } from '../../collectors/specs.ts';
import {
  knownServer,
  l2tpEvent,
  rolloutDocument,
  type RolloutDocument,
} from '../../src/server/l2tp/rollout-view.ts';
import { healthyReadings } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connected, type TestLink } from './test-agent.ts';

type ServerFact = Fact<'l2tp-server'>;

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const POLICY = 'version: 1\nname: test\n';
const start = async (limits = '{}') => {
  await writeFile(rig.paths.policy, `${POLICY}l2tpServers: ${limits}\n`);
  await rig.server.reloadPolicy();
};

const at = () => new Date(rig.clock.now()).toISOString();
const SERVES: ServerFact = {
  listening: [
    {
      address: '0.0.0.0',
      port: 1701,
      owner: { process: 'xl2tpd', service: 'xl2tpd.service', kernel: false },
    },
  ],
  services: [],
  verdict: 'server',
  closed: null,
};
const SILENT: ServerFact = { listening: [], services: [], verdict: 'none', closed: null };
const closedFact = (attempts: number, since = '2026-11-01T00:00:00.000Z'): ServerFact => ({
  ...SILENT,
  closed: { way: 'service', since, until: null, attempts },
});

const report = (link: TestLink, fact: ServerFact) =>
  link.report({ readings: healthyReadings(at(), { 'l2tp-server': fact }) });

async function serving(): Promise<TestLink> {
  const link = await rig.link();
  await report(link, SERVES);
  return link;
}

const events = async (link: TestLink) =>
  l2tpEvent
    .array()
    .parse((await rig.admin.get(`/v1/l2tp-server/events?device=${link.identity.device}`)).body)
    .map(({ kind }) => kind)
    .toReversed();
const told = (link: TestLink, ...kinds: string[]) =>
  expectEventually(
    () => events(link),
    (found) => JSON.stringify(found) === JSON.stringify(kinds),
  );
const alarms = async (link: TestLink) => (await rig.document(link.identity.device)).alarms;
const alarmsAre = (link: TestLink, ...kinds: string[]) =>
  expectEventually(
    () => alarms(link),
    (found) => found.join() === kinds.join(),
  );

async function roll(
  action: 'close' | 'reopen',
  links: readonly TestLink[],
  more: object = {},
): Promise<string> {
  const to = { devices: links.map(({ identity }) => identity.device) };
  const { status, body } = await rig.admin.post('/v1/l2tp-server/rollouts', { action, to, ...more });
  expect(status, JSON.stringify(body)).toBe(200);
  return String(body.id);
}

const show = async (id: string) =>
  rolloutDocument.parse((await rig.admin.get(`/v1/l2tp-server/rollouts/${id}`)).body);

/** The engine looks once a second: turning the hands wakes it. */
const becomes = (id: string, isGood: (document: RolloutDocument) => boolean) =>
  expectEventually(async () => {
    rig.clock.advance(1_100);
    return show(id);
  }, isGood);

/** As an agent does: closes, says so, reports it. */
async function obey(link: TestLink, after: ServerFact = closedFact(0)) {
  const order = await link.order();
  const units = [{ name: 'xl2tpd.service', active: true, enabled: true }];
  const closing = after.closed ? { way: after.closed.way, units, until: null } : null;
  const results = {
    at: at(),
    before: { ...SERVES, connected: 0 },
    after: { ...after, connected: 0 },
    closing,
  };
  await link.receipt(order, 200, 'done', { oc2: { status: 200, status_text: 'done', results } });
  await link.next('receipt-ack');
  await report(link, after);
  return order;
}

async function fail(link: TestLink, text: string) {
  const order = await link.order();
  await link.receipt(order, 503, text);
  await link.next('receipt-ack');
}

test('batch by batch, each device proven before the next is ordered, with before and after', async () => {
  await start();
  const links = [await serving(), await serving(), await serving()] as const;
  const id = await roll('close', links, { batch: 2, way: 'service', cause: 'scanner finding' });
  const [first, second, third] = links;
  const order = await obey(first);
  expect(order).toMatchObject({
    cause: { reason: 'scanner finding' },
    oc2: { action: 'deny', target: { 'x-posture:l2tp-server': { way: 'service', evenIfUsed: false } } },
  });
  rig.clock.advance(1_100);
  await expect(third.order(200)).rejects.toThrow('no order');
  await obey(second);
  await becomes(id, ({ devices }) => devices.ordered === 1);
  await obey(third);
  const document = await becomes(id, ({ state }) => state === 'done');
  expect(document).toMatchObject({ devices: { done: 3, failed: 0 }, action: 'close' });
  expect(document.report[0]).toMatchObject({
    device: first.identity.device,
    state: 'done',
    before: { verdict: 'server', listening: ['0.0.0.0:1701 xl2tpd'] },
    done: { way: 'service', services: ['xl2tpd.service'] },
    now: { verdict: 'none', listening: [], closed: 'service' },
  });
});

test('stops after so many failures; resumed, it goes on, and tries again where it failed', async () => {
  await start();
  const links = [await serving(), await serving(), await serving()] as const;
  const id = await roll('close', links, { batch: 1, stopAfter: 1 });
  const [first, second, third] = links;
  await fail(first, '1 clients are connected');
  const stopped = await becomes(id, ({ state }) => state === 'stopped');
  expect(stopped).toMatchObject({
    devices: { failed: 1, waiting: 2 },
    note: expect.stringContaining('resume'),
  });
  expect(stopped.report[0]).toMatchObject({ state: 'failed', reason: '1 clients are connected' });
  // Whoever failed is not asked again in a minute.
  rig.clock.advance(70_000);
  await expect(first.order(200)).rejects.toThrow('no order');
  expect((await rig.admin.post(`/v1/l2tp-server/rollouts/${id}/approve`)).status).toBe(409);
  expect((await rig.admin.post(`/v1/l2tp-server/rollouts/${id}/resume`, { retry: true })).status).toBe(200);
  for (const link of [first, second, third]) {
    await becomes(id, ({ devices }) => devices.ordered === 1);
    await obey(link);
  }
  expect(await becomes(id, ({ state }) => state === 'done')).toMatchObject({
    devices: { done: 3, failed: 0 },
  });
});

test('goes on after a restart of the server, and devices that were away take their turn', async () => {
  await start();
  const [here, away] = [await serving(), await serving()];
  away.close();
  const id = await roll('close', [here, away], { batch: 5 });
  await here.order();
  await rig.restart();
  expect(await show(id)).toMatchObject({ state: 'running', devices: { ordered: 1, waiting: 1 } });
  const again = await connected(rig.target, here.identity);
  await obey(again);
  await becomes(id, ({ devices, note }) => devices.done === 1 && note.includes('away'));
  const back = await connected(rig.target, away.identity);
  rig.clock.advance(1_100);
  await obey(back);
  expect(await becomes(id, ({ state }) => state === 'done')).toMatchObject({ devices: { done: 2 } });
});

test('waits for approval and for the window where the policy asks for them; withdrawn, it never begins', async () => {
  const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
  await start(`{ approval: true, window: { from: "${inHours(12)}", to: "${inHours(13)}" } }`);
  const link = await serving();
  const id = await roll('close', [link]);
  rig.clock.advance(1_100);
  expect(await show(id)).toMatchObject({ state: 'unapproved', approvedBy: null });
  await expect(link.order(200)).rejects.toThrow('no order');
  expect((await rig.admin.post(`/v1/l2tp-server/rollouts/${id}/approve`)).status).toBe(200);
  await becomes(id, ({ note, approvedBy }) => note.includes('window') && approvedBy === 'admin');
  await expect(link.order(200)).rejects.toThrow('no order');
  const other = await roll('close', [link]);
  await rig.admin.post(`/v1/l2tp-server/rollouts/${other}/stop`);
  expect(await show(other)).toMatchObject({ state: 'done', devices: { 'left-out': 1 } });
  expect((await rig.admin.post(`/v1/l2tp-server/rollouts/${other}/resume`)).status).toBe(409);
});

test('a device that never answers has failed, and one that was away all the time is left out', async () => {
  await start();
  const [mute, away] = [await serving(), await serving()];
  away.close();
  const id = await roll('close', [mute, away], { withinHours: 1 });
  await mute.order();
  rig.clock.advance(400_000);
  await becomes(id, ({ devices }) => devices.failed === 1);
  rig.clock.advance(3_600_000);
  const { report: rows } = await becomes(id, ({ state }) => state === 'done');
  expect(rows.map(({ state, reason }) => [state, reason])).toEqual([
    ['failed', 'The device did not answer.'],
    ['left-out', 'It was away all the time.'],
  ]);
});

test('whom it means: tags, groups, found; nobody is an error', async () => {
  await start();
  const [tagged, other] = [await serving(), await rig.link()];
  await report(other, SILENT);
  const post = (to: object) => rig.admin.post('/v1/l2tp-server/rollouts', { action: 'close', to });
  expect((await post({})).status).toBe(400);
  expect((await post({ tags: ['lab'] })).body.hint).toBe('Nobody is meant by that.');
  expect((await post({ group: 'lab' })).body.hint).toContain('no group');
  expect((await post({ devices: ['01930000-0000-7000-8000-000000000000'] })).status).toBe(404);
  const { body } = await post({ found: true });
  const meant = (await show(String(body.id))).report.map(({ device }) => device);
  expect(meant).toContain(tagged.identity.device);
  expect(meant).not.toContain(other.identity.device);
  await rig.admin.post(`/v1/l2tp-server/rollouts/${String(body.id)}/stop`);
});

test('a server that is new is an event and an alarm; accepted or gone, it is none', async () => {
  await start();
  const link = await serving();
  await told(link, 'found');
  await alarmsAre(link, 'l2tp_server');
  await report(link, SERVES);
  await report(link, SILENT);
  await told(link, 'found', 'gone');
  await alarmsAre(link);
  await report(link, SERVES);
  await told(link, 'found', 'gone', 'reappeared');
  await alarmsAre(link, 'l2tp_server');
  const { device } = link.identity;
  expect((await rig.admin.post(`/v1/l2tp-server/devices/${device}/accept`)).body).toEqual({ accepted: 1 });
  await alarmsAre(link);
  const servers = knownServer.array().parse((await rig.admin.get('/v1/l2tp-server/servers')).body);
  expect(servers.find((one) => one.device === device)).toMatchObject({
    device,
    name: 'xl2tpd.service',
    state: 'present',
    times: 2,
    acceptedBy: 'admin',
  });
  await rig.restart();
  const again = await connected(rig.target, link.identity);
  await report(again, SERVES);
  await report(again, SILENT);
  await told(again, 'found', 'gone', 'reappeared', 'gone');
  const { body } = await rig.admin.get(`/v1/devices/${device}/timeline`);
  expect(JSON.stringify(body)).toContain('xl2tpd.service serves L2TP again');
});

test('a client is no server: neither event nor alarm', async () => {
  await start();
  const link = await rig.link();
  await report(link, { ...SERVES, verdict: 'client-only' });
  await report(link, { ...SERVES, verdict: 'client-only' });
  expect(await events(link)).toEqual([]);
  await report(link, SERVES);
  await told(link, 'found');
});

test('one that comes back after it was closed is closed again, where the policy says so', async () => {
  await start('{ close: reappeared }');
  const link = await serving();
  await told(link, 'found');
  await expect(link.order(200)).rejects.toThrow('no order');
  await roll('close', [link]);
  await obey(link);
  await told(link, 'found', 'gone');
  rig.clock.advance(1_100);
  await report(link, SERVES);
  await told(link, 'found', 'gone', 'reappeared');
  rig.clock.advance(1_100);
  expect(await link.order()).toMatchObject({ oc2: { action: 'deny' } });
});

test('one that was ordered back is neither an alarm nor closed again', async () => {
  await start('{ close: reappeared }');
  const link = await serving();
  const closing = await roll('close', [link]);
  await obey(link);
  await becomes(closing, ({ state }) => state === 'done');
  const opening = await roll('reopen', [link]);
  await obey(link, SERVES);
  await becomes(opening, ({ state }) => state === 'done');
  await told(link, 'found', 'gone', 'reopened');
  await alarmsAre(link);
  rig.clock.advance(1_100);
  await expect(link.order(200)).rejects.toThrow('no order');
});

test('attempts on a closed server are events, at most one in ten minutes, counted from each closing', async () => {
  await start();
  let link = await rig.link();
  const later = async () => {
    link.close();
    rig.clock.advance(601_000);
    link = await connected(rig.target, link.identity);
  };
  await report(link, closedFact(0));
  await report(link, closedFact(4));
  await told(link, 'attempts');
  await report(link, closedFact(9));
  await report(link, closedFact(9));
  expect(await events(link)).toEqual(['attempts']);
  await later();
  await report(link, closedFact(9));
  await told(link, 'attempts', 'attempts');
  await later();
  await report(link, closedFact(2, '2026-11-20T00:00:00.000Z'));
  await told(link, 'attempts', 'attempts', 'attempts');
  const { body } = await rig.admin.get(`/v1/l2tp-server/events?device=${link.identity.device}`);
  expect(
    l2tpEvent
      .array()
      .parse(body)
      .map(({ text }) => text.split(' ')[0]),
  ).toEqual(['2', '5', '4']);
});
