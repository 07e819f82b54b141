import type { Compilable, CompiledQuery } from 'kysely';
import { statementFor } from './node-sqlite.ts';
import type { Db } from './store.ts';

/** Stands for a value that is filled in at each execution. */
class Placeholder {
  readonly row: number;
  readonly name: string;

  constructor(row: number, name: string) {
    this.row = row;
    this.name = name;
  }
}

type Outcome<O> = Promise<{ rows: O[]; changed: number }>;

/**
 * A query that kysely builds once for a database and that runs with other values each time: for the hot path, where
 * building costs more than running. `build` gets placeholders that look like the values.
 */
export function prepared<V extends object, O>(
  build: (db: Db, values: V) => Compilable<O>,
): (db: Db, values: V) => Outcome<O> {
  const run = preparedFor<V, O>(1, (db, [values]) => build(db, values as V));
  return (db, values) => run(db, [values]);
}

/** Like `prepared`, for a query over several rows at once: built once for each number of rows. */
export function preparedRows<V extends object, O>(
  build: (db: Db, rows: V[]) => Compilable<O>,
): (db: Db, rows: readonly V[]) => Outcome<O> {
  const byCount = new Map<number, (db: Db, rows: readonly V[]) => Outcome<O>>();
  return (db, rows) => {
    const query = byCount.get(rows.length) ?? preparedFor(rows.length, build);
    byCount.set(rows.length, query);
    return query(db, rows);
  };
}

function preparedFor<V extends object, O>(
  count: number,
  build: (db: Db, rows: V[]) => Compilable<O>,
): (db: Db, rows: readonly V[]) => Outcome<O> {
  const compiled = new WeakMap<Db, CompiledQuery<O>>();
  return async (db, rows) => {
    let query = compiled.get(db);
    if (query === undefined) compiled.set(db, (query = build(db, placeholders<V>(count)).compile()));
    const parameters = query.parameters.map((one) => fill(one, rows));
    const statement = statementFor(db, query.sql);
    if (statement === undefined) {
      const done = await db.executeQuery<O>({ ...query, parameters });
      return { rows: done.rows, changed: Number(done.numAffectedRows ?? 0) };
    }
    if (statement.reader) return { rows: statement.all(parameters) as O[], changed: 0 };
    return { rows: [], changed: Number(statement.run(parameters).changes) };
  };
}

function placeholders<V extends object>(count: number): V[] {
  return Array.from(
    { length: count },
    (_, row) => new Proxy({} as V, { get: (_target, name) => new Placeholder(row, String(name)) }),
  );
}

function fill(parameter: unknown, rows: readonly object[]): unknown {
  if (!(parameter instanceof Placeholder)) return parameter;
  return (rows[parameter.row] as Record<string, unknown> | undefined)?.[parameter.name];
}
