import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/** A database to query; inside a unit, its transaction. */
export type Db = Kysely<Tables>;

/**
 * Where everything lies that has to outlive the process. Queries are written once, with kysely, in the files beside
 * this one; a store supplies the database and the promise that what it has confirmed is on disk.
 */
export interface Store {
  /**
   * Runs `unit` in a transaction and resolves after the commit has reached the disk. A unit that throws is undone,
   * and its error comes back as it is; rejects with `StoreUnavailable` when the database cannot be written. A unit
   * must await nothing but queries: others wait for it.
   */
  write<T>(unit: (db: Db) => Promise<T>): Promise<T>;
  /**
   * Like `write`, but resolves once the commit outlives the end of this process; the disk has it within a second or two. For
   * what may be lost when the power fails in that moment.
   */
  note<T>(unit: (db: Db) => Promise<T>): Promise<T>;
  /** Runs a query on what is committed. Rejects with `StoreUnavailable` when the database cannot be read. */
  read<T>(query: (db: Db) => Promise<T>): Promise<T>;
  /** Whether another process has committed something since this was last asked. */
  changedElsewhere(): Promise<boolean>;
  close(): Promise<void>;
}

/** The database is full, gone, locked or broken. Nothing of the unit was stored; it may be tried again. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';

  constructor(cause: unknown) {
    super(`the database cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}
