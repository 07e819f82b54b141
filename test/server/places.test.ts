import fc from 'fast-check';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { distanceKm, placeAnomalies, type Place, type Seen } from '../../src/server/geo.ts';
import { openPlaces, type Locate } from '../../src/server/geo-database.ts';
import { configSchema } from '../../src/server/config.ts';
import { createPlaces } from '../../src/server/places.ts';
import { insertPlace, placesOf } from '../../src/server/store/places.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { healthyReadings } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { gatewayCredential, gatewayWith, type Gateway } from './gateway.ts';
import { greet, webSocketChannel } from './test-agent.ts';
import { mmdbOf } from '../support/mmdb.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-20T10:00:00Z');
const BERLIN: Place = { country: 'DE', latitude: 52.5, longitude: 13.4, radiusKm: 10 };
const PARIS: Place = { country: 'FR', latitude: 48.9, longitude: 2.4, radiusKm: 10 };
const SYDNEY: Place = { country: 'AU', latitude: -33.9, longitude: 151.2, radiusKm: 50 };
const rules = { maxKmPerHour: 1_000, minKm: 300 };
const seen = (place: Place, hoursAgo: number): Seen => ({ ...place, at: NOW - hoursAgo * HOUR });
const kinds = (before: Seen[], next: Place) =>
  placeAnomalies(before, { ...next, at: NOW }, rules).map(({ kind }) => kind);

describe('what is strange about a place', () => {
  test('distances along the globe', () => {
    // By road and atlas: 878 and 16,090 km between the cities; ours are rounded to a tenth of a degree.
    expect(Math.abs(distanceKm(BERLIN, PARIS) - 878)).toBeLessThan(10);
    expect(Math.abs(distanceKm(BERLIN, SYDNEY) - 16_090)).toBeLessThan(60);
    expect(distanceKm(BERLIN, BERLIN)).toBe(0);
  });

  test.each([
    ['the first place is none', [], BERLIN, []],
    ['Berlin, then Sydney an hour later', [seen(BERLIN, 1)], SYDNEY, ['impossible-travel']],
    ['Berlin, then Sydney a day later', [seen(BERLIN, 24)], SYDNEY, []],
    ['Berlin, then Paris by plane', [seen(BERLIN, 2)], PARIS, []],
    ['Berlin, then Paris at the same moment', [seen(BERLIN, 0)], PARIS, ['impossible-travel']],
    ['the latest place counts, in whatever order', [seen(SYDNEY, 30), seen(BERLIN, 2)], PARIS, []],
    ['a country is new only to a history', [seen(BERLIN, 90), seen(BERLIN, 80)], PARIS, []],
    ['a new country', [seen(BERLIN, 90), seen(BERLIN, 80), seen(BERLIN, 70)], PARIS, ['new-country']],
    ['one that was seen before', [seen(BERLIN, 90), seen(PARIS, 80), seen(BERLIN, 70)], PARIS, []],
  ] as [string, Seen[], Place, string[]][])('%s', (_what, before, next, expected) => {
    expect(kinds(before, next)).toEqual(expected);
  });

  test('what the database is not sure of counts in the device’s favour', () => {
    const vague = { ...PARIS, radiusKm: 900 };
    expect(kinds([seen(BERLIN, 0)], vague)).toEqual([]);
  });

  test('more time never makes a journey impossible, and coming back is as far as going', () => {
    const place = fc.record({
      country: fc.constant('DE'),
      latitude: fc.double({ min: -90, max: 90, noNaN: true }),
      longitude: fc.double({ min: -180, max: 180, noNaN: true }),
      radiusKm: fc.integer({ min: 0, max: 500 }),
    });
    fc.assert(
      fc.property(
        place,
        place,
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 30 }),
        (a, b, hours, more) => {
          if (kinds([seen(a, hours)], b).length === 0) expect(kinds([seen(a, hours + more)], b)).toEqual([]);
          expect(distanceKm(a, b)).toBeCloseTo(distanceKm(b, a), 6);
          expect(distanceKm(a, b)).toBeLessThan(20_016);
        },
      ),
      { numRuns: 100 },
    );
  });
});

const city = (country: string, latitude: number, longitude: number) => ({
  country: { iso_code: country },
  location: { latitude, longitude, accuracy_radius: { uint: 20 } },
});
const IN_BERLIN = '81.2.69.17';
const IN_SYDNEY = '1.128.0.9';

let folder: string;
let file: string;
let locate: Locate;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-places-'));
  file = join(folder, 'places.mmdb');
  const everywhere = city('US', 0, 0);
  await writeFile(
    file,
    mmdbOf({
      '81.2.69.0/24': city('DE', 52.52, 13.4),
      '1.128.0.0/11': city('AU', -33.87, 151.21),
      // A database may say anything of these; they are nowhere all the same.
      '10.0.0.0/8': everywhere,
      '100.64.0.0/10': everywhere,
      '192.168.0.0/16': everywhere,
      '5.0.0.0/8': { country: { iso_code: 'nonsense' }, location: { latitude: 1, longitude: 1 } },
      '6.0.0.0/8': { country: { iso_code: 'DE' } },
      '7.0.0.0/8': city('DE', 500, 0),
    }),
  );
  locate = await openPlaces(file);
});
afterAll(() => rm(folder, { recursive: true }));

describe('a database of places', () => {
  test('knows places, and says nothing where it cannot', () => {
    expect(locate(IN_BERLIN)).toEqual({ country: 'DE', latitude: 52.52, longitude: 13.4, radiusKm: 20 });
    expect(locate(`::ffff:${IN_SYDNEY}`)).toMatchObject({ country: 'AU' });
    for (const address of [
      '10.1.2.3',
      '100.64.9.9',
      '192.168.1.1',
      '127.0.0.1',
      '172.20.0.1',
      '169.254.1.1',
      '::1',
      'fd00::1',
      'fe80::1',
      '2a00::1',
      '9.9.9.9',
      '5.1.1.1',
      '6.1.1.1',
      '7.1.1.1',
      'laptop',
      '',
    ])
      expect(locate(address), address).toBeNull();
  });

  test('one that is missing or damaged keeps the server from starting, and says which', async () => {
    await expect(openPlaces(join(folder, 'none.mmdb'))).rejects.toThrow(
      /none\.mmdb \(places\.database\) cannot be used/,
    );
    const damaged = join(folder, 'damaged.mmdb');
    await writeFile(damaged, 'not a database');
    await expect(openPlaces(damaged)).rejects.toThrow(/places\.database/);
  });
});

describe('at the gate', () => {
  let rig: Rig;
  let gateway: Gateway;
  beforeAll(async () => {
    rig = await startRig({ settings: { places: { database: file }, trustedProxies: ['127.0.0.1'] } });
    gateway = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database));
  });
  afterAll(() => rig.close());

  test('impossible travel makes a device high risk until somebody has looked at it', async () => {
    const identity = await rig.device();
    const at = () => new Date(rig.clock.now()).toISOString();
    const dialFrom = async (address: string) => {
      const link = await greet(await webSocketChannel(rig.target, { 'x-forwarded-for': address }), identity);
      await link.next('welcome');
      await link.report({ readings: healthyReadings(at()) });
      await gateway.login('anna', { calling_station_id: address });
    };
    const beside = await openSqlite(rig.paths.database);
    const places = () => beside.read((db) => db.selectFrom('places').selectAll().execute());
    const { device } = identity;
    try {
      await dialFrom(IN_BERLIN);
      await expectEventually(places, (rows) => rows.length === 1);
      // No place at all, and no reason for anything.
      await dialFrom('10.0.0.7');
      expect((await rig.document(device)).decision?.access).toBe('allow');
      await dialFrom(IN_SYDNEY);
      const { decision } = await expectEventually(
        () => rig.document(device),
        (document) => document.decision?.reason === 'signal-high',
      );
      expect(decision).toMatchObject({
        access: 'deny',
        sentence: expect.stringMatching(/km apart \(DE, AU\) within 0 minutes/),
      });
      expect(JSON.stringify(decision)).not.toContain(IN_SYDNEY);
      // To a tenth of a degree, and without the address.
      expect(await places()).toEqual([
        expect.objectContaining({ country: 'DE', latitude: 52.5, longitude: 13.4 }),
        expect.objectContaining({ country: 'AU', latitude: -33.9, longitude: 151.2 }),
      ]);
      await rig.admin.post(`/v1/devices/${device}/close-signals`);
      await expectEventually(
        () => rig.document(device),
        (document) => document.decision?.reason !== 'signal-high',
      );
    } finally {
      await beside.close();
    }
  });

  test('what is remembered of a device is bounded, and a place that is seen again is not remembered twice', async () => {
    const { device } = await rig.device();
    const beside = await openSqlite(rig.paths.database);
    try {
      await beside.write(async (db) => {
        for (let index = 0; index < 50; index += 1) {
          const place = { country: 'DE', latitude: index % 30, longitude: 0, radiusKm: 0, at: index };
          await insertPlace(db, device, place);
        }
      });
      const kept = await beside.read((db) => placesOf(db, device));
      expect(kept.length).toBe(20);
      expect(kept[0]?.at).toBe(49);
      expect(new Set(kept.map(({ latitude }) => latitude)).size).toBe(20);
    } finally {
      await beside.close();
    }
  });
});

test('without a database nobody looks', async () => {
  expect(await createPlaces(null as never, configSchema.parse({}).places)).toBeNull();
});
