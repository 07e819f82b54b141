import { sql, type ColumnDefinitionBuilder, type CreateTableBuilder } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { withCertificateIndexes, withCertificates, withVpnCredentials } from './migration-certificates.ts';
import { withL2tpServers } from './migration-l2tp.ts';
import { withNewLogins, withSessionsByUser } from './migration-logins.ts';
import { key, ofDevice, required, type Schema } from './schema.ts';
import type { Db } from './store.ts';

/** In the order of their names. Never changed once released, only added. */
export const migrations = {
  '0001-first': { up: first },
  '0002-inventory': { up: withInventory },
  '0003-sessions': { up: withSessions },
  '0004-fairness': { up: withFairness },
  '0005-signals': { up: withSignals },
  '0006-orders': { up: withOrders },
  '0007-containment': { up: withContainment },
  '0008-places': { up: withPlaces },
  '0009-certificates': { up: withCertificates },
  '0010-l2tp-servers': { up: withL2tpServers },
  '0011-hardware': { up: withHardware },
  '0012-vpn-credentials': { up: withVpnCredentials },
  '0013-tunnel-proof': { up: withTunnelProof },
  '0014-certificate-indexes': { up: withCertificateIndexes },
  '0015-new-logins': { up: withNewLogins },
  '0016-sessions-by-user': { up: withSessionsByUser },
} satisfies Record<string, Migration>;

/** Brings the database to the newest form; tests ask for an older one with an earlier part of the list. */
export async function migrate(db: Db, list: Record<string, Migration> = migrations): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => list } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

const emptyList = (column: ColumnDefinitionBuilder) => column.notNull().defaultTo('[]');
const zero = (column: ColumnDefinitionBuilder) => column.notNull().defaultTo(0);

async function first(db: Schema): Promise<void> {
  for (const table of firstTables(db)) await table.execute();
  await db.schema.createIndex('devices_machine').on('devices').column('machine_id').execute();
  await db.schema.createIndex('reports_received').on('reports').column('received_at').execute();
  await db.schema.createIndex('decisions_device').on('decisions').columns(['device', 'id']).execute();
  await db.schema.createIndex('decisions_at').on('decisions').column('at').execute();
  await db.schema.createIndex('orders_device').on('orders').columns(['device', 'target', 'oseq']).execute();
  await db.schema.createIndex('receipts_order').on('receipts').column('order_id').execute();
  await db.schema.createIndex('audit_at').on('audit').column('at').execute();
  await sql`create index alarms_open on alarms (device) where cleared_at is null`.execute(db);
}

async function withInventory(db: Schema): Promise<void> {
  await db.schema.alterTable('devices').addColumn('inventory', 'text').execute();
}

async function withFairness(db: Schema): Promise<void> {
  await db.schema.alterTable('devices').addColumn('tags', 'text', emptyList).execute();
  await db.schema.alterTable('devices').addColumn('directory_groups', 'text', emptyList).execute();
  await db.schema.alterTable('devices').addColumn('break_glass', 'text').execute();
  await db.schema.alterTable('devices').addColumn('revision', 'bigint', zero).execute();
  for (const name of ['mode', 'would', 'held'])
    await db.schema.alterTable('decisions').addColumn(name, 'text').execute();
  await db.schema.alterTable('decisions').addColumn('deadline', 'bigint').execute();
  await ofDevice(db, 'memories')
    .addColumn('memory', 'text', required)
    .addColumn('compiled', 'text', required)
    .addColumn('compiled_revision', 'bigint', required)
    .addPrimaryKeyConstraint('memories_key', ['device'] as never)
    .execute();
}

/** What is wanted has several respects, each with a value; orders say who gave them and how they were proven. */
async function withOrders(db: Schema): Promise<void> {
  const wanted = ofDevice(db, 'wanted_by_aspect')
    .addColumn('aspect', 'text', required)
    .addColumn('want', 'text', required)
    .addColumn('value', 'text')
    .addColumn('since', 'bigint', required)
    .addColumn('until', 'bigint')
    .addColumn('cause', 'text', required)
    .addColumn('actor', 'text', required)
    .addPrimaryKeyConstraint('wanted_aspect_key', ['device', 'aspect'] as never);
  await wanted.execute();
  await sql`insert into wanted_by_aspect (device, aspect, want, since, cause, actor)
    select device, 'decision', want, since, cause, 'server' from wanted`.execute(db);
  await db.schema.dropTable('wanted').execute();
  await db.schema.alterTable('wanted_by_aspect').renameTo('wanted').execute();
  for (const name of ['aspect', 'held_by', 'proof'])
    await db.schema.alterTable('orders').addColumn(name, 'text').execute();
  for (const [name, value] of [
    ['cause', ''],
    ['actor', 'server'],
  ] as const)
    await db.schema
      .alterTable('orders')
      .addColumn(name, 'text', (column) => column.notNull().defaultTo(value))
      .execute();
  await db.schema.alterTable('orders').addColumn('done_at', 'bigint').execute();
  await sql`update orders set aspect = 'access' where want is not null`.execute(db);
}

/** Tokens for some computers only, computers known again after a new installation, keys that are replaced. */
async function withHardware(db: Schema): Promise<void> {
  await db.schema.alterTable('tokens').addColumn('hardware', 'text').execute();
  await db.schema.alterTable('keys').addColumn('retired_at', 'bigint').execute();
  await ofDevice(db, 'hardware')
    .addColumn('hardware', 'text', required)
    .addPrimaryKeyConstraint('hardware_key', ['hardware', 'device'] as never)
    .execute();
}

/** Where a device was seen, roughly, and last when. */
async function withPlaces(db: Schema): Promise<void> {
  await ofDevice(db, 'places')
    .addColumn('country', 'text', required)
    .addColumn('latitude', 'double precision', required)
    .addColumn('longitude', 'double precision', required)
    .addColumn('radius_km', 'double precision', required)
    .addColumn('at', 'bigint', required)
    .addPrimaryKeyConstraint('places_key', ['device', 'country', 'latitude', 'longitude'] as never)
    .execute();
}

type AnyTable = CreateTableBuilder<string, never>;

function firstTables(db: Schema): AnyTable[] {
  return [
    ...identityTables(db),
    ...evidenceTables(db),
    ...orderTables(db),
    ...recordTables(db),
  ] as AnyTable[];
}

function identityTables(db: Schema) {
  return [
    devicesTable(db),
    ofDevice(db, 'keys')
      .addColumn('kid', 'text', key)
      .addColumn('kind', 'text', required)
      .addColumn('jwk', 'text', required)
      .addColumn('created_at', 'bigint', required),
    tokensTable(db),
    ofDevice(db, 'token_uses')
      .addColumn('token', 'text', (column) => column.notNull().references('tokens.id'))
      .addColumn('kid', 'text', required)
      .addColumn('used_at', 'bigint', required)
      .addPrimaryKeyConstraint('token_uses_key', ['token', 'kid'] as never),
    db.schema
      .createTable('gateways')
      .addColumn('id', 'text', key)
      .addColumn('name', 'text', (column) => column.notNull().unique())
      .addColumn('hash', 'text', required)
      .addColumn('created_at', 'bigint', required)
      .addColumn('revoked_at', 'bigint'),
  ];
}

function devicesTable(db: Schema) {
  return db.schema
    .createTable('devices')
    .addColumn('id', 'text', key)
    .addColumn('name', 'text', required)
    .addColumn('platform', 'text', required)
    .addColumn('machine_id', 'text')
    .addColumn('ueid', 'text', required)
    .addColumn('key_protection', 'text', required)
    .addColumn('status', 'text', required)
    .addColumn('replaces', 'text', (column) => column.references('devices.id'))
    .addColumn('enrolled_at', 'bigint', required)
    .addColumn('seq', 'bigint', required)
    .addColumn('boot', 'text')
    .addColumn('retired_boots', 'text', required)
    .addColumn('base_seq', 'bigint')
    .addColumn('base_dig', 'text')
    .addColumn('last_report', 'text')
    .addColumn('seen_at', 'bigint')
    .addColumn('facts_at', 'bigint')
    .addColumn('agent_version', 'text')
    .addColumn('dropped', 'bigint', required);
}

function tokensTable(db: Schema) {
  return db.schema
    .createTable('tokens')
    .addColumn('id', 'text', key)
    .addColumn('hash', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('uses_left', 'integer', required)
    .addColumn('approval', 'integer', required)
    .addColumn('note', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .addColumn('revoked_at', 'bigint');
}

function evidenceTables(db: Schema) {
  return [
    ofDevice(db, 'reports')
      .addColumn('id', 'text', required)
      .addColumn('kind', 'text', required)
      .addColumn('seq', 'bigint', required)
      .addColumn('collected_at', 'bigint', required)
      .addColumn('received_at', 'bigint', required)
      .addColumn('content', 'text', required)
      .addColumn('readings', 'text', required)
      .addPrimaryKeyConstraint('reports_key', ['device', 'id'] as never),
    ofDevice(db, 'readings')
      .addColumn('check_id', 'text', required)
      .addColumn('reading', 'text', required)
      .addColumn('known_at', 'bigint')
      .addColumn('asked_at', 'bigint', required)
      .addPrimaryKeyConstraint('readings_key', ['device', 'check_id'] as never),
    ofDevice(db, 'raw')
      .addColumn('check_id', 'text', required)
      .addColumn('reading', 'text', required)
      .addColumn('received_at', 'bigint', required)
      .addPrimaryKeyConstraint('raw_key', ['device', 'check_id'] as never),
    decisionsTable(db),
  ];
}

function decisionsTable(db: Schema) {
  return ofDevice(db, 'decisions')
    .addColumn('id', 'text', key)
    .addColumn('at', 'bigint', required)
    .addColumn('access', 'text', required)
    .addColumn('risk_score', 'integer', required)
    .addColumn('risk_level', 'text', required)
    .addColumn('reason', 'text', required)
    .addColumn('sentence', 'text', required)
    .addColumn('since', 'bigint', required)
    .addColumn('until', 'bigint', required)
    .addColumn('policy', 'text', required);
}

function orderTables(db: Schema) {
  return [
    ofDevice(db, 'wanted')
      .addColumn('target', 'text', required)
      .addColumn('want', 'text', required)
      .addColumn('since', 'bigint', required)
      .addColumn('cause', 'text', required)
      .addPrimaryKeyConstraint('wanted_key', ['device', 'target'] as never),
    ofDevice(db, 'orders')
      .addColumn('id', 'text', key)
      .addColumn('target', 'text', required)
      .addColumn('action', 'text', required)
      .addColumn('want', 'text')
      .addColumn('oseq', 'bigint', required)
      .addColumn('issued_at', 'bigint', required)
      .addColumn('expires_at', 'bigint', required)
      .addColumn('state', 'text', required)
      .addColumn('status', 'integer')
      .addColumn('reason', 'text')
      .addColumn('jws', 'text', required),
    ofDevice(db, 'receipts')
      .addColumn('id', 'text', key)
      .addColumn('order_id', 'text', required)
      .addColumn('phase', 'text', required)
      .addColumn('status', 'integer', required)
      .addColumn('received_at', 'bigint', required)
      .addColumn('jws', 'text', required),
  ];
}

function recordTables(db: Schema) {
  return [
    ofDevice(db, 'alarms')
      .addColumn('id', 'text', key)
      .addColumn('kind', 'text', required)
      .addColumn('raised_at', 'bigint', required)
      .addColumn('detail', 'text', required)
      .addColumn('cleared_at', 'bigint')
      .addColumn('cleared_by', 'text'),
    db.schema
      .createTable('audit')
      .addColumn('id', 'text', key)
      .addColumn('at', 'bigint', required)
      .addColumn('actor', 'text', required)
      .addColumn('action', 'text', required)
      .addColumn('subject', 'text', required)
      .addColumn('detail', 'text', required),
    db.schema.createTable('meta').addColumn('key', 'text', key).addColumn('value', 'text', required),
  ];
}

async function withSessions(db: Schema): Promise<void> {
  await loginsTable(db).execute();
  await sessionsTable(db).execute();
  await tunnelsTable(db).execute();
  await db.schema.createIndex('logins_device').on('logins').columns(['device', 'at']).execute();
  await db.schema.createIndex('logins_at').on('logins').column('at').execute();
  await db.schema
    .createIndex('sessions_key')
    .on('sessions')
    .columns(['gateway', 'nas', 'nas_port', 'login'])
    .execute();
  await db.schema
    .createIndex('sessions_framed')
    .on('sessions')
    .columns(['framed_address', 'started_at'])
    .execute();
  await db.schema.createIndex('sessions_started').on('sessions').column('started_at').execute();
  await sql`create index sessions_open on sessions (device) where ended_at is null`.execute(db);
}

function tunnelsTable(db: Schema) {
  return db.schema
    .createTable('tunnels')
    .addColumn('gateway', 'text', required)
    .addColumn('peer_address', 'text', required)
    .addColumn('peer_id', 'text', required)
    .addColumn('certificate_serial', 'text')
    .addColumn('certificate_fingerprint', 'text')
    .addColumn('since', 'bigint', required)
    .addPrimaryKeyConstraint('tunnels_key', ['peer_address', 'gateway', 'peer_id'] as never);
}

/** The device column of these may be empty, but goes with its device all the same. */
function ofSomeDevice(db: Schema, name: string) {
  return db.schema
    .createTable(name)
    .addColumn('id', 'text', key)
    .addColumn('device', 'text', (column) => column.references('devices.id').onDelete('cascade'))
    .addColumn('gateway', 'text', required)
    .addColumn('nas', 'text', required)
    .addColumn('user', 'text', required)
    .addColumn('address', 'text')
    .addColumn('expires_at', 'bigint', required);
}

function loginsTable(db: Schema) {
  return ofSomeDevice(db, 'logins')
    .addColumn('at', 'bigint', required)
    .addColumn('access', 'text', required)
    .addColumn('reason', 'text', required)
    .addColumn('identity', 'text')
    .addColumn('session_timeout', 'bigint');
}

function sessionsTable(db: Schema) {
  return ofSomeDevice(db, 'sessions')
    .addColumn('nas_port', 'text', required)
    .addColumn('framed_address', 'text', required)
    .addColumn('login', 'text', required)
    .addColumn('acct_session_id', 'text', required)
    .addColumn('access', 'text')
    .addColumn('started_at', 'bigint', required)
    .addColumn('seen_at', 'bigint', required)
    .addColumn('ended_at', 'bigint')
    .addColumn('cause', 'text')
    .addColumn('bytes_in', 'bigint', required)
    .addColumn('bytes_out', 'bigint', required);
}

async function withSignals(db: Schema): Promise<void> {
  await ofDevice(db, 'signals')
    .addColumn('source', 'text', required)
    .addColumn('id', 'text', required)
    .addColumn('severity', 'integer', required)
    .addColumn('title', 'text', required)
    .addColumn('opened_at', 'bigint', required)
    .addColumn('changed_at', 'bigint', required)
    .addColumn('event_at', 'bigint', required)
    .addColumn('closed_at', 'bigint')
    .addColumn('closed_by', 'text')
    .addPrimaryKeyConstraint('signals_key', ['source', 'id'] as never)
    .execute();
  await db.schema.createIndex('signals_device').on('signals').columns(['device', 'changed_at']).execute();
  await db.schema
    .createTable('webhooks')
    .addColumn('source', 'text', required)
    .addColumn('id', 'text', required)
    .addColumn('received_at', 'bigint', required)
    .addPrimaryKeyConstraint('webhooks_key', ['source', 'id'] as never)
    .execute();
  await db.schema.createIndex('webhooks_at').on('webhooks').column('received_at').execute();
}

async function withContainment(db: Schema): Promise<void> {
  for (const table of ['logins', 'sessions'])
    await db.schema.alterTable(table).addColumn('ceiling', 'text').execute();
  await db.schema
    .createTable('nas_requests')
    .addColumn('id', 'text', key)
    .addColumn('device', 'text', (column) => column.references('devices.id').onDelete('cascade'))
    .addColumn('session', 'text', required)
    .addColumn('nas', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('want', 'text', required)
    .addColumn('cause', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('state', 'text', required)
    .addColumn('attempts', 'integer', required)
    .addColumn('next_at', 'bigint', required)
    .addColumn('answer', 'text')
    .addColumn('finished_at', 'bigint')
    .execute();
  await db.schema.createIndex('nas_requests_session').on('nas_requests').column('session').execute();
  await db.schema.createIndex('nas_requests_device').on('nas_requests').column('device').execute();
  await sql`create index nas_requests_waiting on nas_requests (nas, next_at) where state = 'waiting'`.execute(
    db,
  );
}

async function withTunnelProof(db: Schema): Promise<void> {
  await db.schema.alterTable('tunnels').addColumn('proof', 'text').execute();
}
