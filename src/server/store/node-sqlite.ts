import type { DatabaseSync, StatementSync, SQLInputValue } from 'node:sqlite';
import { Kysely, SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';
import type { Db } from './store.ts';
import type { Tables } from './tables.ts';

/** Statements kept compiled. The hot path uses a dozen; the rest is room for queries of varying shape. */
const MAX_STATEMENTS = 200;

const drivers = new WeakMap<Db, SqliteDatabase>();

export function kyselyOn(database: DatabaseSync): Db {
  const driver = kyselyDatabase(database);
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: driver }) });
  drivers.set(db, driver);
  return db;
}

/** The statement of a query that kysely has built, without kysely's way to it, which takes longer than most queries. */
export function statementFor(db: Db, sql: string): SqliteStatement | undefined {
  // `prepare` of a database may answer later elsewhere; ours never does.
  return drivers.get(db)?.prepare(sql) as SqliteStatement | undefined;
}

/** Runs statements without a result, each compiled once. */
export function executor(database: DatabaseSync): (sql: string) => void {
  const statements = new Map<string, StatementSync>();
  return (sql) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    statement.run();
  };
}

/** `node:sqlite` in the form that kysely's SQLite dialect expects of a driver. */
export function kyselyDatabase(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const made = statementOf(database.prepare(sql));
      if (statements.size >= MAX_STATEMENTS) forgetOldest(statements);
      statements.set(sql, made);
      return made;
    },
    close: () => database.close(),
  };
}

function statementOf(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}

function values(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters as SQLInputValue[];
}

function forgetOldest(statements: Map<string, SqliteStatement>): void {
  const [oldest] = statements.keys();
  if (oldest !== undefined) statements.delete(oldest);
}
