import { randomUUIDv7 } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteDialect } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deviceText } from '../../src/cli/server-device-view.ts';
import { loadState } from '../../src/server/device-state.ts';
import { findDevice } from '../../src/server/store/devices.ts';
import { migrate, migrations } from '../../src/server/store/migrations.ts';
import { kyselyDatabase } from '../../src/server/store/node-sqlite.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Tables } from '../../src/server/store/tables.ts';
import type { Inventory } from '../../src/wire/inventory.ts';
import { healthyReadings } from './fixtures.ts';
import { startRig, type Rig } from './rig.ts';
import type { SendOptions, TestLink } from './test-agent.ts';

const laptop: Inventory = {
  manufacturer: 'Example',
  model: 'Book 14',
  cpu: 'Example Core 7',
  memoryBytes: 33_393_782_784,
  virtual: false,
  chassis: 'Notebook',
};
const rebuilt: Inventory = { ...laptop, memoryBytes: 2 ** 36 };
const silent: Inventory = {
  manufacturer: null,
  model: null,
  cpu: null,
  memoryBytes: null,
  virtual: null,
  chassis: null,
};

describe('what kind of computer a device is', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = await startRig();
  });
  afterAll(() => rig.close());

  const at = () => new Date(rig.clock.now()).toISOString();
  const shown = async ({ identity }: TestLink) => (await rig.document(identity.device)).device.inventory;
  const tell = (link: TestLink, inventory: Inventory | undefined, options: SendOptions = {}) => {
    const { change, ...rest } = options;
    return link.report({ readings: healthyReadings(at()), change: { inventory, ...change }, ...rest });
  };

  /** A device that has told what it is. */
  async function told(): Promise<TestLink> {
    const link = await rig.link();
    expect(await tell(link, laptop)).toMatchObject({ t: 'ack' });
    return link;
  }

  test('is null until it says so, and then shown', async () => {
    const link = await rig.link();
    expect(await shown(link)).toBeNull();
    await tell(link, undefined);
    expect(await shown(link)).toBeNull();
    await tell(link, laptop);
    expect(await shown(link)).toEqual(laptop);
  });

  test('is kept by reports that do not speak of it, and across a restart', async () => {
    const link = await told();
    await tell(link, undefined);
    await link.report({ kind: 'delta', readings: {}, base: link.base! });
    await link.heartbeat();
    expect(await shown(link)).toEqual(laptop);
    await rig.restart();
    expect(await shown(link)).toEqual(laptop);
  });

  test('is replaced as a whole by what is said later', async () => {
    const link = await told();
    await tell(link, rebuilt);
    expect(await shown(link)).toEqual(rebuilt);
    await tell(link, silent);
    expect(await shown(link)).toEqual(silent);
  });

  test('is taken from full reports of now only', async () => {
    const link = await told();
    const old = new Date(rig.clock.now() - 600_000).toISOString();
    const base = link.base!;
    for (const options of [
      { kind: 'delta', base },
      { kind: 'offline' },
      { change: { collected_at: old } },
    ] satisfies SendOptions[]) {
      expect(await tell(link, rebuilt, options)).toMatchObject({ t: 'ack' });
      expect(await shown(link)).toEqual(laptop);
    }
  });

  test('is taken from a report that is sent again because its ack was lost', async () => {
    const link = await rig.link();
    const again = { id: randomUUIDv7(), readings: healthyReadings(at()), change: { collected_at: at() } };
    await tell(link, undefined, again);
    await tell(link, laptop, again);
    expect(await shown(link)).toEqual(laptop);
  });

  test('is not taken from a report that is refused', async () => {
    const link = await told();
    const id = randomUUIDv7();
    await tell(link, undefined, { id });
    expect(await tell(link, rebuilt, { id, readings: {} })).toMatchObject({ err: 'report_conflict' });
    expect(await tell(link, { ...laptop, model: 'A\u001B[2J' })).toMatchObject({ err: 'schema_invalid' });
    expect(await shown(link)).toEqual(laptop);
  });

  test('is described in the interface’s own description', async () => {
    const { body } = await rig.admin.get('/v1/openapi.json');
    expect(JSON.stringify(body.paths)).toContain('"memoryBytes"');
  });

  test('is told to a person in one line, without what is not known', async () => {
    const link = await rig.link();
    const lines = async () =>
      (await deviceText(await rig.document(link.identity.device), null)).split('\n\n', 1)[0]!.split('\n');
    expect(await lines()).toHaveLength(2);
    await tell(link, laptop);
    expect((await lines())[2]).toBe(
      'Computer: Example Book 14, Notebook, Example Core 7, 31.1 GiB of memory',
    );
    await tell(link, { ...silent, virtual: true, memoryBytes: 2 ** 29 });
    expect((await lines())[2]).toBe('Computer: virtual, 0.5 GiB of memory');
    await tell(link, silent);
    expect(await lines()).toHaveLength(2);
  });
});

describe('a database', () => {
  const ID = '01930000-0000-7000-8000-000000000000';
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drawbridge-migration-'));
    file = join(folder, 'old.db');
    await makeBeforeInventory();
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** As the first version left it, with one device. */
  async function makeBeforeInventory(): Promise<void> {
    const database = new DatabaseSync(file);
    const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: kyselyDatabase(database) }) });
    await migrate(db, { '0001-first': migrations['0001-first'] });
    database
      .prepare(
        `insert into devices (id, name, platform, ueid, key_protection, status, enrolled_at, seq, retired_boots, dropped)
         values (?, 'anna', 'linux', 'AQ', 'file', 'live', 5, 7, '[]', 2)`,
      )
      .run(ID);
    await db.destroy();
  }

  test('from before there was an inventory keeps its devices, which have none yet', async () => {
    const store = await openSqlite(file);
    expect(await store.read((db) => findDevice(db, ID))).toMatchObject({
      name: 'anna',
      seq: 7,
      dropped: 2,
      inventory: null,
    });
    await store.close();
  });

  test.each([
    ['what it is', JSON.stringify(laptop), laptop],
    ['another version’s words', '{"maker":"Example"}', null],
    ['no JSON', '{', null],
  ])('that holds %s can be read', async (_what, inventory, expected) => {
    const store = await openSqlite(file);
    await store.write((db) => db.updateTable('devices').set({ inventory }).where('id', '=', ID).execute());
    expect((await store.read((db) => loadState(db, ID)))?.inventory).toEqual(expected);
    await store.close();
  });
});
