import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clearAlarm, revoke } from '../../src/server/administer.ts';
import { prune } from '../../src/server/retention.ts';
import { insertCertificate, listCertificates } from '../../src/server/store/certificates.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Store } from '../../src/server/store/store.ts';
import { certificateRow } from './certificate-row.ts';
import { healthyReadings } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connect, connected, exchange, get } from './test-agent.ts';

let rig: Rig;
/** The database as a command beside the running server has it. */
let beside: Store;
beforeAll(async () => {
  rig = await startRig();
  beside = await openSqlite(rig.paths.database);
});
afterAll(async () => {
  await beside.close();
  await rig.close();
});

const at = () => new Date(rig.clock.now()).toISOString();
const by = () => ({ actor: 'test', now: rig.clock.now() });

describe('the administrator’s API', () => {
  test.each([
    ['GET', '/v1/devices'],
    ['GET', '/v1/devices/01930000-0000-7000-8000-000000000000'],
    ['POST', '/v1/tokens'],
    ['POST', '/v1/devices/01930000-0000-7000-8000-000000000000/revoke'],
  ])('%s %s is for the holder of the admin token', async (method, path) => {
    for (const authorization of ['', 'Bearer wrong', `Basic ${'x'.repeat(20)}`]) {
      const answer = await exchange(rig.target, method, path, method === 'POST' ? '{}' : '', {
        authorization,
        'content-type': 'application/json',
      });
      expect(answer).toMatchObject({ status: 401, body: { err: 'unauthorized' } });
    }
  });

  test('lists devices with what was decided', async () => {
    const link = await rig.link({ name: 'anna' });
    await link.report({ readings: healthyReadings(at()) });
    const { body } = await rig.admin.get('/v1/devices');
    expect(body).toContainEqual(
      expect.objectContaining({
        id: link.identity.device,
        name: 'anna',
        access: 'allow',
        risk: 'low',
        connected: true,
      }),
    );
  });

  test('says what it does not know', async () => {
    const nobody = '/v1/devices/01930000-0000-7000-8000-000000000000';
    expect(await rig.admin.get(nobody)).toMatchObject({ status: 404, body: { err: 'not_found' } });
    expect(await rig.admin.post(`${nobody}/approve`)).toMatchObject({ status: 404 });
    expect(await rig.admin.get('/v1/devices/x')).toMatchObject({ status: 400, body: { err: 'malformed' } });
    expect(await rig.admin.get('/v1/moon')).toMatchObject({
      status: 404,
      body: { hint: expect.stringContaining('openapi') },
    });
    expect(await rig.admin.post('/v1/tokens', { uses: 0 })).toMatchObject({ status: 400 });
  });
});

describe('what commands change in the database beside the running server', () => {
  test('a revoked device is thrown out', async () => {
    const link = await rig.link();
    await beside.write((db) => revoke(db, link.identity.device, by()));
    expect(await link.next('bye')).toMatchObject({ err: 'revoked' });
  });

  test('a cleared alarm lifts the decision', async () => {
    const original = await rig.link();
    const copy = await connected(rig.target, { ...original.identity });
    const back = await connect(rig.target, original.identity, { boot: original.boot });
    await back.next('bye');
    await copy.report({ readings: healthyReadings(at()) });
    const { device } = original.identity;
    await expectEventually(
      () => rig.document(device),
      ({ decision }) => decision?.access === 'deny',
    );
    await beside.write((db) => clearAlarm(db, device, by()));
    await expectEventually(
      () => rig.document(device),
      ({ decision }) => decision?.access === 'allow',
    );
    expect(await rig.document(device)).toMatchObject({ alarms: [] });
  });
});

describe('what monitoring sees', () => {
  test('health, with headers under which a browser can do nothing with any answer', async () => {
    expect(await get(rig.target, '/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
  });

  test('counts: reports, refusals, connections, commits, devices by access', async () => {
    const link = await rig.link();
    await link.report({ readings: healthyReadings(at()) });
    await link.report({ kind: 'heartbeat' });
    const { body } = await get(rig.target, '/metrics');
    for (const line of [
      /^drawbridge_reports_total\{kind="full",outcome="stored"\} \d+$/m,
      /^drawbridge_refusals_total\{code="base_mismatch"\} 1$/m,
      /^drawbridge_connections [1-9]\d*$/m,
      /^drawbridge_devices\{access="allow"\} [1-9]\d*$/m,
      /^drawbridge_commit_seconds_count [1-9]\d*$/m,
      /^drawbridge_commit_failures_total 0$/m,
    ]) {
      expect(String(body.text)).toMatch(line);
    }
  });

  test('the API describes itself', async () => {
    const { body } = await get(rig.target, '/v1/openapi.json');
    expect(body).toMatchObject({ openapi: expect.stringMatching(/^3\./) });
    const described = Object.keys(body.paths as object);
    for (const path of [
      '/v1/devices',
      '/v1/devices/{id}',
      '/v1/enroll',
      '/v1/link',
      '/v1/tokens',
      '/v1/radius/post-auth',
    ]) {
      expect(described).toContain(path);
    }
    const gate = JSON.stringify((body.paths as Record<string, unknown>)['/v1/radius/post-auth']);
    expect(gate).toContain('"requestBody"');
    expect(gate).toContain('"do_xlat"');
    const accounting = JSON.stringify((body.paths as Record<string, unknown>)['/v1/radius/accounting']);
    expect(accounting).toContain('"requestBody"');
    expect(accounting).toContain('"204"');
  });
});

describe('what is old', () => {
  test('is deleted, but not what is in force', async () => {
    const link = await rig.link();
    await link.report({ readings: healthyReadings(at()) });
    rig.clock.advance(100_000);
    await link.report({ readings: healthyReadings(at()) });
    await link.report({ readings: healthyReadings(at()) });
    const count = (table: 'reports' | 'decisions' | 'audit') =>
      beside.read((db) =>
        db.selectFrom(table).select(db.fn.countAll<number>().as('n')).executeTakeFirstOrThrow(),
      );
    expect((await count('reports')).n).toBeGreaterThan(2);
    const later = { ...rig.clock, now: () => rig.clock.now() + 91 * 86_400_000 };
    expect(
      await prune({
        store: beside,
        clock: later,
        retention: { historyDays: 90, auditDays: 400, sessionDays: 90 },
      }),
    ).toBeGreaterThan(0);
    const left = await beside.read((db) =>
      db.selectFrom('reports').select('id').where('device', '=', link.identity.device).execute(),
    );
    expect(left).toHaveLength(1);
    expect(await rig.document(link.identity.device)).toMatchObject({ decision: { access: 'allow' } });
    const audit = (await count('audit')).n;
    expect(audit).toBeGreaterThan(0);
    const ended = { device: link.identity.device, notAfter: rig.clock.now() - 86_400_000 };
    await beside.write((db) => insertCertificate(db, certificateRow('past', ended)));
    await beside.write((db) =>
      insertCertificate(db, certificateRow('good', { ...ended, notAfter: rig.clock.now() + 2 * 86_400_000 })),
    );
    const muchLater = { ...rig.clock, now: () => rig.clock.now() + 401 * 86_400_000 };
    await prune({
      store: beside,
      clock: muchLater,
      retention: { historyDays: 90, auditDays: 400, sessionDays: 90 },
    });
    expect((await count('audit')).n).toBe(0);
    const certificates = await beside.read((db) => listCertificates(db, { limit: 10 }));
    expect(certificates.map(({ serial }) => serial)).toEqual(['good']);
  });
});

test('secrets are in neither the database nor an answer', async () => {
  const token = await rig.token({ note: 'x' });
  await rig.device();
  const secret = token.split('.')[1] ?? '';
  const database = Buffer.concat([
    await readFile(rig.paths.database),
    await readFile(`${rig.paths.database}-wal`),
  ]);
  expect(database.includes(secret)).toBe(false);
});
