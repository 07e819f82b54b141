import { key, ofDevice, required, type Schema } from './schema.ts';

/** Closing and reopening L2TP servers of many devices, and what is known of each device's. */
export async function withL2tpServers(db: Schema): Promise<void> {
  await rolloutsTable(db).execute();
  await ofDevice(db, 'rollout_devices')
    .addColumn('rollout', 'text', (column) => column.notNull().references('rollouts.id').onDelete('cascade'))
    .addColumn('position', 'integer', required)
    .addColumn('state', 'text', required)
    .addColumn('ordered_at', 'bigint')
    .addColumn('finished_at', 'bigint')
    .addColumn('order_id', 'text')
    .addColumn('reason', 'text')
    .addColumn('before', 'text')
    .addColumn('result', 'text')
    .addPrimaryKeyConstraint('rollout_devices_key', ['rollout', 'device'] as never)
    .execute();
  await ofDevice(db, 'l2tp_servers')
    .addColumn('name', 'text', required)
    .addColumn('state', 'text', required)
    .addColumn('first_at', 'bigint', required)
    .addColumn('changed_at', 'bigint', required)
    .addColumn('times', 'integer', required)
    .addColumn('accepted_by', 'text')
    .addPrimaryKeyConstraint('l2tp_servers_key', ['device', 'name'] as never)
    .execute();
  await ofDevice(db, 'l2tp_attempts')
    .addColumn('since', 'text', required)
    .addColumn('told', 'bigint', required)
    .addColumn('told_at', 'bigint', required)
    .addPrimaryKeyConstraint('l2tp_attempts_key', ['device'] as never)
    .execute();
  await ofDevice(db, 'l2tp_events')
    .addColumn('id', 'text', key)
    .addColumn('at', 'bigint', required)
    .addColumn('kind', 'text', required)
    .addColumn('text', 'text', required)
    .execute();
  await db.schema.createIndex('l2tp_events_device').on('l2tp_events').columns(['device', 'at']).execute();
  await db.schema.createIndex('l2tp_events_at').on('l2tp_events').column('at').execute();
}

function rolloutsTable(db: Schema) {
  return db.schema
    .createTable('rollouts')
    .addColumn('id', 'text', key)
    .addColumn('action', 'text', required)
    .addColumn('value', 'text', required)
    .addColumn('duration', 'bigint')
    .addColumn('cause', 'text', required)
    .addColumn('actor', 'text', required)
    .addColumn('batch', 'integer', required)
    .addColumn('stop_after', 'integer', required)
    .addColumn('forgiven', 'integer', required)
    .addColumn('state', 'text', required)
    .addColumn('note', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .addColumn('approved_by', 'text')
    .addColumn('finished_at', 'bigint');
}
