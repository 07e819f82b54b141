import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forecast } from '../../src/server/ca/forecast.ts';
import { authorityPaths, createHierarchy } from '../../src/server/ca/hierarchy.ts';
import { insertCertificate } from '../../src/server/store/certificates.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Store } from '../../src/server/store/store.ts';
import { readFile } from 'node:fs/promises';
import { certificateRow } from './certificate-row.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.now();

let folder: string;
let store: Store;
let chain: { issuing: string; root: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-forecast-'));
  const paths = authorityPaths(folder);
  await createHierarchy(paths, join(folder, 'root'), { organisation: 'Test', now: NOW, bits: 2_048 });
  chain = { issuing: await readFile(paths.issuing, 'utf8'), root: await readFile(paths.root, 'utf8') };
  store = await openSqlite(join(folder, 'drawbridge.db'));
}, 60_000);
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

let count = 0;

async function issued(kind: 'device' | 'gateway', issuedAt: number, validMs: number): Promise<void> {
  count += 1;
  const device = kind === 'device' ? `device-${count}` : null;
  const row = certificateRow(`${count}`, { device, issuedAt, notAfter: issuedAt + validMs });
  await store.write((db) => insertCertificate(db, row));
}

const ahead = (ms: number) => forecast(store, chain, { deviceHours: 24, gatewayDays: 30 }, NOW + ms);

describe('what ends when', () => {
  test('a fleet that renews is no problem; one that does not is, before it is without', async () => {
    for (let device = 0; device < 20; device += 1) await issued('device', NOW - 8 * HOUR_MS, DAY_MS);
    await issued('gateway', NOW, 30 * DAY_MS);
    expect((await ahead(0)).problems).toEqual([]);
    const late = await ahead(12 * HOUR_MS);
    expect(late.devices).toMatchObject({ holding: 20, late: 20 });
    expect(late.problems.join()).toMatch(/20 of 20 devices have not renewed in time/);
  });

  test('gateway, issuing authority and root are named long before their end', async () => {
    expect((await ahead(25 * DAY_MS)).problems.join()).toMatch(/gateway vpn\.example\.test ends in 5 days/);
    expect((await ahead(31 * DAY_MS)).problems.join()).toMatch(/gateway vpn\.example\.test ended/);
    const issuing = (await ahead(700 * DAY_MS)).problems.join();
    expect(issuing).toMatch(/issuing authority ends in 2\d days/);
    expect(issuing).not.toMatch(/root authority/);
    expect((await ahead(3_400 * DAY_MS)).problems.join()).toMatch(/root authority ends in 2\d\d days/);
  });

  test('a clock that is behind the last certificate is named', async () => {
    expect((await ahead(-DAY_MS)).problems.join()).toMatch(/clock .* is behind its last certificate/);
  });
});
