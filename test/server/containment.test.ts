import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sessionDocument, type SessionDocument } from '../../src/server/session-document.ts';
import { timelineEvent, type TimelineEvent } from '../../src/server/timeline.ts';
import { ERROR_CAUSE } from '../../src/wire/dae.ts';
import { healthyReadings, PLAIN_DISK, OPEN_DETECTION } from './fixtures.ts';
import { accessIn, gatewayCredential, gatewayWith, type Gateway } from './gateway.ts';
import { NAS_SECRET, startNas, type TestNas } from './nas.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import type { TestLink } from './test-agent.ts';

let rig: Rig;
let gateway: Gateway;
let nas: TestNas;
let secretFile: string;
let deadPort: number;
let port = 0;
const links: TestLink[] = [];

/** The shipped policy, but whatever is wrong acts at once: steadiness is tested elsewhere. */
const POLICY = readFileSync(
  join(import.meta.dirname, '../../src/policy/default-policy.yaml'),
  'utf8',
).replace(/steadySeconds: \d+/, 'steadySeconds: 0');

beforeAll(async () => {
  secretFile = join(tmpdir(), `drawbridge-secret-${randomBytes(6).toString('hex')}`);
  await writeFile(secretFile, NAS_SECRET, { mode: 0o600 });
  nas = await startNas();
  const dead = await startNas();
  deadPort = dead.port;
  dead.close();
  const door = (at: number) => ({ host: '127.0.0.1', port: at, secretFile });
  rig = await startRig({
    policy: POLICY,
    settings: {
      radius: {
        // One address here has many devices, one after the other.
        deniedNeighbourHours: 0,
        nas: [
          { name: 'lns-1', dynamicAuthorization: door(nas.port) },
          { name: 'pools', type: 'accel-ppp', dynamicAuthorization: door(nas.port) },
          { name: 'dead', dynamicAuthorization: door(deadPort) },
        ],
      },
    },
  });
  gateway = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database));
});
beforeEach(() => {
  nas.answer = () => ({ result: 'ack' });
});
afterEach(async () => {
  links.splice(0).forEach((link) => link.close());
  for (const name of ['lns-1', 'pools', 'dead'])
    await gateway.account({ 'NAS-Identifier': name, 'Acct-Status-Type': 'Accounting-On' });
});
afterAll(async () => {
  await rig.close();
  nas.close();
  await rm(secretFile);
});

const readings = (change = {}) => healthyReadings(new Date(rig.clock.now()).toISOString(), change);
const ILL = { detections: OPEN_DETECTION };
const PLAIN = { 'disk-encryption': PLAIN_DISK };

type Dialled = { link: TestLink; device: string; address: string };

/** A device that has dialled in, alone at its address, and whose session is up. */
async function dialled(name = 'lns-1', change = {}): Promise<Dialled> {
  links.splice(0).forEach((link) => link.close());
  const link = await rig.link();
  links.push(link);
  await link.report({ readings: readings(change) });
  const wanted = Object.keys(change).length === 0 ? 'allow' : 'restrict';
  const login = await expectEventually(
    () => gateway.login('alice', { nas_identifier: name }),
    (answer) => accessIn(answer) === wanted,
  );
  return up(link, name, login);
}

async function up(link: TestLink, name: string, login: Record<string, string | number>): Promise<Dialled> {
  port += 1;
  const address = `10.9.1.${port}`;
  await gateway.account({
    'NAS-Identifier': name,
    'Acct-Status-Type': 'Start',
    'User-Name': 'alice',
    'NAS-Port': port,
    'Framed-IP-Address': address,
    'Acct-Session-Id': `a${port}`,
    Class: login['reply:Class'] ?? '',
  });
  return { link, device: link.identity.device, address };
}

async function sessionAt(address: string): Promise<SessionDocument | undefined> {
  const { body } = await rig.admin.get(`/v1/sessions?address=${address}&ended=true`);
  return sessionDocument.array().parse(body)[0];
}

async function timeline(device: string): Promise<TimelineEvent[]> {
  return timelineEvent.array().parse((await rig.admin.get(`/v1/devices/${device}/timeline`)).body);
}

const texts = async (device: string) => (await timeline(device)).map(({ kind, text }) => `${kind} ${text}`);

describe('a session that is up', () => {
  test('is ended when its device is denied: laptop, NAS and gate each have their receipt on one timeline', async () => {
    const { link, device, address } = await dialled();
    await link.report({ readings: readings(ILL) });
    expect(await nas.next()).toMatchObject({
      kind: 'disconnect',
      attributes: {
        userName: 'alice',
        nasIdentifier: 'lns-1',
        nasPort: port,
        framedIpAddress: address,
        acctSessionId: `a${port}`,
      },
    });
    const order = await link.order();
    expect(order).toMatchObject({ oc2: { action: 'deny' } });
    await link.receipt(order, 200);
    await link.next('receipt-ack');
    await expectEventually(
      () => sessionAt(address),
      (session) => session?.cause === 'disconnected',
    );
    expect(accessIn(await gateway.login('alice'))).toBe('deny');
    const told = await texts(device);
    for (const what of [
      /^decision deny: .*Eicar/,
      /^order laptop: deny x-posture:vpn/,
      /^receipt laptop: complete, status 200/,
      /^nas-request lns-1: disconnect, for deny/,
      /^nas-answer lns-1: disconnect done: ack/,
      /^login lns-1: alice was answered deny \(detection-severe\), recognised by presence/,
      /^session lns-1: session at .* ended \(disconnected\)/,
    ]) {
      expect(told).toContainEqual(expect.stringMatching(what));
    }
  });

  test('is changed when its device may less, and back when it is well again', async () => {
    const { link, address } = await dialled();
    await link.report({ readings: readings(PLAIN) });
    expect(await nas.next()).toMatchObject({
      kind: 'coa',
      attributes: { framedIpAddress: address, filterId: 'posture-restrict', sessionTimeout: 300 },
    });
    await expectEventually(
      () => sessionAt(address),
      (session) => session?.access === 'restrict',
    );
    await link.report({ readings: readings() });
    expect(await nas.next()).toMatchObject({ kind: 'coa', attributes: { filterId: 'posture-full' } });
    await expectEventually(
      () => sessionAt(address),
      (session) => session?.access === 'allow' && session.endedAt === null,
    );
  });

  test('of a NAS that cannot change it is ended instead, and for the better left to its end', async () => {
    const { link, address } = await dialled('pools');
    await link.report({ readings: readings(PLAIN) });
    expect(await nas.next()).toMatchObject({ kind: 'disconnect', attributes: { framedIpAddress: address } });
    const second = await dialled('pools', PLAIN);
    await second.link.report({ readings: readings() });
    const third = await dialled();
    await third.link.report({ readings: readings(PLAIN) });
    // The next that comes is the third’s.
    expect(await nas.next()).toMatchObject({ attributes: { framedIpAddress: third.address } });
  });

  test('that the NAS no longer knows is ended, which is what was wanted', async () => {
    nas.answer = () => ({ result: 'nak', errorCause: ERROR_CAUSE.sessionNotFound });
    const { link, device, address } = await dialled();
    await link.report({ readings: readings(ILL) });
    await nas.next();
    await expectEventually(
      () => sessionAt(address),
      (session) => session?.cause === 'gone',
    );
    expect(await texts(device)).toContainEqual(
      expect.stringContaining('disconnect done: nak, Error-Cause 503 (sessionNotFound)'),
    );
  });

  test('that the NAS refuses to change is ended', async () => {
    nas.answer = ({ kind }) =>
      kind === 'coa' ? { result: 'nak', errorCause: ERROR_CAUSE.unsupportedService } : { result: 'ack' };
    const { link } = await dialled();
    await link.report({ readings: readings(PLAIN) });
    expect(await nas.next()).toMatchObject({ kind: 'coa' });
    expect(await nas.next()).toMatchObject({ kind: 'disconnect' });
  });

  test('gets no more than how surely its device was recognised allows', async () => {
    const first = await dialled();
    const second = await rig.link();
    links.push(second);
    await second.report({ readings: readings() });
    const login = await gateway.login(`alice#${first.device}`);
    expect(accessIn(login)).toBe('restrict');
    const weak = await up(first.link, 'lns-1', login);
    await first.link.report({ readings: readings() });
    await first.link.report({ readings: readings(ILL) });
    const asked = [await nas.next(), await nas.next()];
    expect(asked.map(({ kind }) => kind)).toEqual(['disconnect', 'disconnect']);
    expect(asked.map(({ attributes }) => attributes.framedIpAddress)).toContain(weak.address);
  });
});

test('who was restricted for silence when dialling gets everything with the report', async () => {
  const first = await dialled();
  await gateway.account({ 'Acct-Status-Type': 'Accounting-On' });
  rig.clock.advance(200_000);
  const login = await gateway.login('alice');
  expect(accessIn(login)).toBe('restrict');
  const { address } = await up(first.link, 'lns-1', login);
  await first.link.report({ readings: readings() });
  expect(await nas.next()).toMatchObject({
    kind: 'coa',
    attributes: { framedIpAddress: address, filterId: 'posture-full' },
  });
});

describe('who dials before the agent is there', () => {
  /** A session of which nobody knows whose it is. */
  async function nobodys(): Promise<Dialled> {
    links.splice(0).forEach((link) => link.close());
    const login = await expectEventually(
      () => gateway.login('alice'),
      (answer) => String(answer['reply:Reply-Message']).startsWith('No computer'),
    );
    const link = await rig.link();
    links.push(link);
    return up(link, 'lns-1', login);
  }

  test('gets what the device may once it reports, and the session is the device’s', async () => {
    const { link, device, address } = await nobodys();
    await link.report({ readings: readings() });
    expect(await nas.next()).toMatchObject({
      kind: 'coa',
      attributes: { framedIpAddress: address, filterId: 'posture-full' },
    });
    expect(await sessionAt(address)).toMatchObject({ device });
  });

  test('is not taken for one of several that are there', async () => {
    const { link, address } = await nobodys();
    const other = await rig.link();
    links.push(other);
    await link.report({ readings: readings() });
    await other.report({ readings: readings() });
    expect(await sessionAt(address)).toMatchObject({ device: null, access: 'restrict' });
  });
});

describe('a request', () => {
  test('is sent again as the same bytes until it is answered, and no forged answer counts', async () => {
    const answers = ['nothing', 'forged', { result: 'ack' }] as const;
    let asked = 0;
    nas.answer = () => answers[asked++] ?? { result: 'ack' };
    const before = nas.requests.length;
    const { link, address } = await dialled();
    await link.report({ readings: readings(ILL) });
    await nas.next();
    expect((await sessionAt(address))?.endedAt).toBeNull();
    for (let again = 0; again < 2; again += 1) {
      rig.clock.advance(2_000);
      await nas.next();
    }
    await expectEventually(
      () => sessionAt(address),
      (session) => session?.cause === 'disconnected',
    );
    const bytes = nas.requests.slice(before).map((one) => one.bytes.toString('hex'));
    expect(bytes).toHaveLength(3);
    expect(new Set(bytes).size).toBe(1);
  });

  test('to a dead NAS holds up nobody, survives a restart, and is answered when the NAS is back', async () => {
    const lost = await dialled('dead');
    await lost.link.report({ readings: readings(ILL) });
    expect(accessIn(await gateway.login('alice', { nas_identifier: 'dead' }))).toBe('deny');
    const other = await dialled();
    await other.link.report({ readings: readings(ILL) });
    await nas.next();
    links.splice(0).forEach((link) => link.close());
    await rig.restart();
    const back = await startNas(deadPort);
    expect(await back.next(30_000)).toMatchObject({
      kind: 'disconnect',
      attributes: { framedIpAddress: lost.address },
    });
    await expectEventually(
      () => sessionAt(lost.address),
      (session) => session?.cause === 'disconnected',
    );
    back.close();
  });
});

test('what is no longer wanted is not asked for any more', async () => {
  const { link, device, address } = await dialled('dead');
  await link.report({ readings: readings(ILL) });
  await expectEventually(
    () => texts(device),
    (told) => told.some((text) => text.startsWith('nas-request dead: disconnect')),
  );
  await link.report({ readings: readings() });
  await expectEventually(
    () => texts(device),
    (told) => told.some((text) => text.includes('disconnect superseded')),
  );
  expect((await sessionAt(address))?.endedAt).toBeNull();
});
