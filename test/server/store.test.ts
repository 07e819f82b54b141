import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { spawnSync } from 'node:child_process';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { groupCommit } from '../../src/server/store/group-commit.ts';
import { getMeta, setMeta } from '../../src/server/store/meta.ts';
import { prepared, preparedRows } from '../../src/server/store/prepared.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { StoreUnavailable, type Store } from '../../src/server/store/store.ts';
import type { MetaRow } from '../../src/server/store/tables.ts';
import { waitFor } from '../support/wait-for.ts';

let folder: string;
let file: string;
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-store-'));
  file = join(folder, 'test.db');
  store = await openSqlite(file);
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

describe('group commit', () => {
  /** A connection that writes down what it is asked, and fails where it is told to. */
  function scripted(fails: (sql: string) => boolean = () => false) {
    const asked: string[] = [];
    const exec = (sql: string) => {
      asked.push(sql);
      if (fails(sql)) throw new Error(`failed: ${sql}`);
    };
    return { asked, exec, isFatal: (error: unknown) => String(error).includes('disk') };
  }

  test('the units of one turn share a transaction, and are done only after its commit', async () => {
    const connection = scripted();
    const done: string[] = [];
    const { add } = groupCommit(connection);
    const units = ['a', 'b', 'c'].map((name) =>
      add(async () => name).then((value) => done.push(value, connection.asked.at(-1)!)),
    );
    await Promise.all(units);
    expect(done).toEqual(['a', 'commit', 'b', 'commit', 'c', 'commit']);
    expect(connection.asked.filter((sql) => sql === 'commit')).toHaveLength(1);
  });

  test('a unit that throws undoes itself alone', async () => {
    const connection = scripted();
    const { add } = groupCommit(connection);
    const outcomes = await Promise.allSettled([
      add(async () => 1),
      add(async () => Promise.reject(new Error('mine'))),
      add(async () => 3),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(connection.asked.slice(3, 6)).toEqual(['savepoint unit', 'rollback to unit', 'release unit']);
  });

  test('one that is alone, and throws, undoes all, keeps its error, and the next goes on', async () => {
    const connection = scripted();
    const { add } = groupCommit(connection);
    await expect(add(async () => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    expect(connection.asked).toEqual(['begin immediate', 'rollback']);
    expect(await add(async () => 2)).toBe(2);
  });

  test.each(['begin immediate', 'commit', 'savepoint unit'])(
    'when %s fails, nothing is done, and the next try works',
    async (step) => {
      let broken = true;
      const connection = scripted((sql) => broken && sql === step);
      const { add } = groupCommit(connection);
      const outcomes = await Promise.allSettled([add(async () => 1), add(async () => 2)]);
      for (const outcome of outcomes)
        expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailable) });
      expect(connection.asked.at(-1)).toBe('rollback');
      broken = false;
      expect(await add(async () => 3)).toBe(3);
    },
  );

  test('a unit that finds the disk full takes all others with it', async () => {
    const { add } = groupCommit(scripted());
    const outcomes = await Promise.allSettled([
      add(async () => 1),
      add(async () => Promise.reject(new Error('disk full'))),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  test('waits for the disk when any unit does', async () => {
    const waits: string[] = [];
    const { add } = groupCommit({ ...scripted(), waitFor: (until) => void waits.push(until) });
    await Promise.all([add(async () => 1, 'kernel'), add(async () => 2, 'kernel')]);
    await Promise.all([add(async () => 3, 'kernel'), add(async () => 4)]);
    await add(async () => 5);
    expect(waits).toEqual(['kernel', 'disk', 'disk']);
  });

  test('tells how long a commit took and how many it served', async () => {
    const seen: { units: number; failed: boolean }[] = [];
    const { add } = groupCommit(scripted(), (commit) => seen.push(commit));
    await Promise.all([add(async () => 1), add(async () => 2)]);
    expect(seen).toMatchObject([{ units: 2, failed: false }]);
  });
});

describe('the SQLite store', () => {
  test('shows readers what is committed, and nothing of a unit that failed', async () => {
    await store.write((db) => setMeta(db, 'a', '1'));
    await store
      .write(async (db) => {
        await setMeta(db, 'a', '2');
        throw new Error('no');
      })
      .catch(() => {});
    expect(await store.read((db) => getMeta(db, 'a'))).toBe('1');
  });

  test('syncs every commit', () => {
    const database = new DatabaseSync(file);
    expect(database.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
  });

  test('what was noted is there although the process was killed at once', () => {
    const script = join(import.meta.dirname, '../support/note-child.ts');
    const child = spawnSync(process.execPath, [script, file], { encoding: 'utf8' });
    expect(child.signal).toBe('SIGKILL');
    const beside = new DatabaseSync(file, { readOnly: true });
    const row = beside.prepare("select value from meta where key = 'noted'").get();
    beside.close();
    expect(row).toEqual({ value: 'yes' });
  });

  test('waits for the disk again after it has noted something', async () => {
    await store.note((db) => setMeta(db, 'soft', '1'));
    await store.write((db) => setMeta(db, 'hard', '1'));
    const levels = await store.write((db) => sql<{ synchronous: number }>`pragma synchronous`.execute(db));
    expect(levels.rows).toEqual([{ synchronous: 2 }]);
  });

  test('notices what another process has committed, not what it wrote itself', async () => {
    await store.changedElsewhere();
    await store.write((db) => setMeta(db, 'b', '1'));
    expect(await store.changedElsewhere()).toBe(false);
    const other = await openSqlite(file);
    await other.write((db) => setMeta(db, 'b', '2'));
    await other.close();
    expect(await store.changedElsewhere()).toBe(true);
    expect(await store.changedElsewhere()).toBe(false);
  });

  test('is unavailable while another process holds it for too long, and works again afterwards', async () => {
    const other = new DatabaseSync(file);
    other.exec('begin immediate');
    await expect(store.write((db) => setMeta(db, 'c', '1'))).rejects.toBeInstanceOf(StoreUnavailable);
    other.exec('rollback');
    other.close();
    await store.write((db) => setMeta(db, 'c', '2'));
    expect(await store.read((db) => getMeta(db, 'c'))).toBe('2');
  });

  test('has its log copied by another thread, and does not take that for another process', async () => {
    // Of a log that was copied to its end the next commit begins a new one, which says nothing of that: the file does.
    const size = () => statSync(file).size;
    const before = size();
    await store.changedElsewhere();
    for (let commit = 0; commit < 128; commit += 1)
      await store.note((db) => setMeta(db, 'long', String(commit).repeat(30_000)));
    await waitFor('a copied log', () => size() > before, 10);
    expect(await store.changedElsewhere()).toBe(false);
  });

  test('opens again what it has made', async () => {
    const again = await openSqlite(file);
    expect(await again.read((db) => getMeta(db, 'a'))).toBe('1');
    await again.close();
  });
});

describe('prepared queries', () => {
  const insert = preparedRows((db, rows: MetaRow[]) =>
    db.insertInto('meta').values(rows.map((row) => ({ key: row.key, value: row.value }))),
  );
  const select = prepared((db, values: { key: string }) =>
    db.selectFrom('meta').select('value').where('key', '=', values.key),
  );

  test('run with other values each time, for one row and for many', async () => {
    await store.write((db) => insert(db, [{ key: 'p1', value: 'one' }]));
    await store.write((db) =>
      insert(db, [
        { key: 'p2', value: 'two' },
        { key: 'p3', value: 'three' },
      ]),
    );
    await store.write((db) => insert(db, [{ key: 'p4', value: 'four' }]));
    for (const [key, value] of [
      ['p1', 'one'],
      ['p3', 'three'],
      ['p4', 'four'],
    ] as const) {
      expect((await store.read((db) => select(db, { key }))).rows).toEqual([{ value }]);
    }
  });
});
