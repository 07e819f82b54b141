import type { Compilable, CompiledQuery } from 'kysely';
import type { Db } from './store.ts';

/** Stands for a value that is filled in at each execution. */
class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * A query that kysely builds once for a database and that runs with other values each time: for the hot path, where
 * building costs more than running. `build` gets placeholders that look like the values.
 */
export function prepared<V extends object, O>(
  build: (db: Db, values: V) => Compilable<O>,
): (db: Db, values: V) => Promise<{ rows: O[]; changed: number }> {
  const compiled = new WeakMap<Db, CompiledQuery<O>>();
  return async (db, values) => {
    let query = compiled.get(db);
    if (query === undefined) compiled.set(db, (query = build(db, placeholders<V>()).compile()));
    const parameters = query.parameters.map((one) => fill(one, values));
    const { rows, numAffectedRows } = await db.executeQuery<O>({ ...query, parameters });
    return { rows, changed: Number(numAffectedRows ?? 0) };
  };
}

function placeholders<V extends object>(): V {
  return new Proxy({} as V, { get: (_, name) => new Placeholder(String(name)) });
}

function fill(parameter: unknown, values: object): unknown {
  return parameter instanceof Placeholder ? (values as Record<string, unknown>)[parameter.name] : parameter;
}

/** Like `prepared`, for a query over several rows at once: built once for each number of rows. */
export function preparedRows<V extends object, O>(
  build: (db: Db, rows: V[]) => Compilable<O>,
): (db: Db, rows: readonly V[]) => Promise<{ rows: O[]; changed: number }> {
  type Keyed = Record<string, unknown>;
  const byCount = new Map<number, (db: Db, values: Keyed) => Promise<{ rows: O[]; changed: number }>>();
  const buildFor = (count: number) =>
    prepared<Keyed, O>((db, values) =>
      build(
        db,
        Array.from({ length: count }, (_, row) => rowOf<V>(values, row)),
      ),
    );
  return (db, rows) => {
    const query = byCount.get(rows.length) ?? buildFor(rows.length);
    byCount.set(rows.length, query);
    return query(db, keyed(rows));
  };
}

function rowOf<V extends object>(values: Record<string, unknown>, row: number): V {
  return new Proxy({} as V, { get: (_, name) => values[`${row}.${String(name)}`] });
}

function keyed(rows: readonly object[]): Record<string, unknown> {
  return Object.fromEntries(
    rows.flatMap((row, index) => Object.entries(row).map(([name, value]) => [`${index}.${name}`, value])),
  );
}
