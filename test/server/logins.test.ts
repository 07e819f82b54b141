import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { insertDevice } from '../../src/server/store/devices.ts';
import { noteLogin, settleLogins } from '../../src/server/store/logins.ts';
import { findLogin, lastGranted, loginsOf } from '../../src/server/store/sessions.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Store } from '../../src/server/store/store.ts';
import type { LoginRow } from '../../src/server/store/tables.ts';
import { loginRow } from '../support/login-row.ts';
import { gatewayCredential, gatewayWith } from './gateway.ts';
import { rowOf } from './judging-rig.ts';
import { expectEventually, startRig } from './rig.ts';

describe('logins that were only just answered', () => {
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drawbridge-logins-'));
    store = await openSqlite(join(folder, 'test.db'));
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const withDevice = (id: string) =>
    store.write((db) => insertDevice(db, rowOf(id), [{ kid: id, kind: 'report', jwk: '{}', created_at: 1 }]));
  const note = (login: LoginRow) => store.note((db) => noteLogin(db, login));
  const settle = (limit: number) => store.note((db) => settleLogins(db, limit));
  const settled = () =>
    store.read((db) =>
      db
        .selectFrom('logins')
        .selectAll()
        .orderBy(sql`rowid`)
        .execute(),
    );
  const entries = () =>
    store.read((db) =>
      db
        .selectFrom('audit')
        .selectAll()
        .orderBy(sql`rowid`)
        .execute(),
    );

  test('move to the others in their order, each once, each with its entry in the audit', async () => {
    const logins = Array.from({ length: 25 }, (_, at) => loginRow(`n${at % 2 === 0 ? 99 - at : at}`, { at }));
    for (const login of logins) await note(login);
    expect(await settled()).toEqual([]);
    const moved = [await settle(10), await settle(10), await settle(10), await settle(10)];
    expect(moved).toEqual([10, 10, 5, 0]);
    expect(await settled()).toEqual(logins);
    expect((await entries()).map(({ at }) => at)).toEqual(logins.map(({ at }) => at));
  });

  test('are in the audit as who asked, what was answered, about whom', async () => {
    await withDevice('d1');
    const user = 'a"b\\c\u0000\u0001\u001b\n%{User-Password}\u2028é💻\'); drop table logins; --';
    await note(loginRow('n1', { user, device: 'd1', access: 'allow', reason: 'ok', identity: 'presence' }));
    await note(loginRow('n2', { address: null, access: 'deny', at: 7 }));
    await settle(10);
    const found = (await entries()).map(({ id: _id, detail, ...rest }) => ({
      ...rest,
      detail: JSON.parse(detail) as unknown,
    }));
    const common = { actor: 'gateway:radius-1', at: 1_000 };
    expect(found).toEqual([
      {
        ...common,
        action: 'gate allow',
        subject: 'd1',
        detail: { user, address: '192.0.2.1', nas: 'lns-1', reason: 'ok', identity: 'presence' },
      },
      {
        ...common,
        at: 7,
        action: 'gate deny',
        subject: 'nobody',
        detail: { user: 'alice', address: null, nas: 'lns-1', reason: 'no_device', identity: null },
      },
    ]);
  });

  test('are there for whoever looks, before they move as well as after', async () => {
    await withDevice('d1');
    const login = (id: string, at: number, more: Partial<LoginRow> = {}) =>
      loginRow(id, { at, device: 'd1', expires_at: at + 1_000, ...more });
    await note(login('n1', 1));
    await note(login('n2', 2, { expires_at: 9_000 }));
    await settle(10);
    await note(login('n3', 3));
    await note(login('n4', 4, { access: 'deny', expires_at: 10_000 }));
    const seen = () =>
      store.read(async (db) => ({
        found: await findLogin(db, 'radius-1', 'n3'),
        foreign: await findLogin(db, 'radius-2', 'n3'),
        last: await lastGranted(db, 'd1'),
        newest: (await loginsOf(db, 'd1', 3)).map(({ id }) => id),
      }));
    const before = await seen();
    expect(before).toEqual({
      found: login('n3', 3),
      foreign: undefined,
      last: login('n2', 2, { expires_at: 9_000 }),
      newest: ['n4', 'n3', 'n2'],
    });
    expect(await settle(10)).toBe(2);
    expect(await seen()).toEqual(before);
  });

  test('stay where they are, all of them, when their move fails', async () => {
    for (const id of ['n1', 'n2', 'n3']) await note(loginRow(id));
    await store.write((db) => db.insertInto('logins').values(loginRow('n3')).execute());
    await expect(settle(10)).rejects.toThrow(/UNIQUE/);
    expect((await settled()).map(({ id }) => id)).toEqual(['n3']);
    expect(await entries()).toEqual([]);
    expect(await settle(2)).toBe(2);
  });

  test('are each there once after any kill, and none is lost that was said to be noted', async () => {
    const file = join(folder, 'test.db');
    const said: string[] = [];
    for (const lines of [1, 37, 250]) said.push(...(await killedAfter(file, lines)));
    const all = await store.read((db) => db.selectFrom('all_logins').select('id').execute());
    const ids = all.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(said.filter((id) => !ids.includes(id))).toEqual([]);
    expect(await settle(10_000)).toBeGreaterThan(0);
    expect((await settled()).map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(await entries()).toHaveLength(ids.length);
  });
});

/** What the child said it had noted before it was killed, in the middle of whatever it was at. */
async function killedAfter(file: string, lines: number): Promise<string[]> {
  const script = join(import.meta.dirname, '../support/logins-child.ts');
  const child = spawn(process.execPath, [script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length === lines) child.kill('SIGKILL');
  }
  await ended;
  expect(child.signalCode).toBe('SIGKILL');
  return said;
}

test('a server moves what it answered, and at its start what another left', async () => {
  const rig = await startRig();
  try {
    const gateway = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database));
    await gateway.login('alice');
    const users = () => usersIn(rig.paths.database);
    await expectEventually(users, (found) => found.includes('alice'), 10_000);
    await rig.server.close();
    const store = await openSqlite(rig.paths.database);
    await store.note((db) => noteLogin(db, loginRow('left', { user: 'bob', at: Date.now() })));
    await store.close();
    await rig.restart();
    const all = await expectEventually(users, (found) => found.includes('bob'), 10_000);
    expect(all).toEqual(['alice', 'bob']);
    expect((await rig.audit()).filter((line) => line.includes('gate restrict'))).toHaveLength(2);
  } finally {
    await rig.close();
  }
});

function usersIn(file: string): unknown[] {
  const database = new DatabaseSync(file, { readOnly: true });
  const rows = database.prepare('select user from logins order by rowid').all();
  database.close();
  return rows.map(({ user }) => user);
}
