import type { ColumnDefinitionBuilder, Kysely } from 'kysely';

/** Runs in a migration, which knows tables as they were at its time. */
export type Schema = Kysely<Record<string, never>>;

export const required = (column: ColumnDefinitionBuilder) => column.notNull();
export const key = (column: ColumnDefinitionBuilder) => column.primaryKey();

/** A table whose rows belong to a device and go with it. */
export function ofDevice(db: Schema, name: string) {
  return db.schema
    .createTable(name)
    .addColumn('device', 'text', (column) => column.notNull().references('devices.id').onDelete('cascade'));
}
