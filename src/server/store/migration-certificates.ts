import { key, ofDevice, required, type Schema } from './schema.ts';

/** They outlive their device: what is revoked stays on the list for as long as it would have been good. */
export async function withCertificates(db: Schema): Promise<void> {
  await db.schema
    .createTable('certificates')
    .addColumn('serial', 'text', key)
    .addColumn('kind', 'text', required)
    .addColumn('device', 'text')
    .addColumn('name', 'text', required)
    .addColumn('key_id', 'text', (column) => column.notNull().unique())
    .addColumn('csr', 'text', required)
    .addColumn('via', 'text', required)
    .addColumn('issued_at', 'bigint', required)
    .addColumn('not_before', 'bigint', required)
    .addColumn('not_after', 'bigint', required)
    .addColumn('revoked_at', 'bigint')
    .addColumn('reason', 'text')
    .execute();
  await db.schema
    .createIndex('certificates_device')
    .on('certificates')
    .columns(['device', 'not_after'])
    .execute();
  await db.schema.createIndex('certificates_end').on('certificates').column('not_after').execute();
  await ofDevice(db, 'est_tokens')
    .addColumn('hash', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('expires_at', 'bigint', required)
    .addPrimaryKeyConstraint('est_tokens_key', ['device'] as never)
    .execute();
}

/** Asked with each certificate, and with each list: a year of a large company is millions of rows. */
export async function withCertificateIndexes(db: Schema): Promise<void> {
  await db.schema.createIndex('certificates_issued').on('certificates').column('issued_at').execute();
  await db.schema
    .createIndex('certificates_revoked')
    .on('certificates')
    .column('revoked_at')
    .where('revoked_at', 'is not', null)
    .execute();
}

export async function withVpnCredentials(db: Schema): Promise<void> {
  await ofDevice(db, 'vpn_credentials')
    .addColumn('generation', 'bigint', required)
    .addColumn('epoch', 'bigint')
    .addColumn('confirmed_at', 'bigint')
    .addPrimaryKeyConstraint('vpn_credentials_key', ['device'] as never)
    .execute();
}
