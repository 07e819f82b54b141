import type { LoginRow } from '../../src/server/store/tables.ts';

export function loginRow(id: string, more: Partial<LoginRow> = {}): LoginRow {
  return {
    id,
    gateway: 'radius-1',
    nas: 'lns-1',
    at: 1_000,
    expires_at: 2_000,
    device: null,
    user: 'alice',
    address: '192.0.2.1',
    access: 'restrict',
    reason: 'no_device',
    identity: null,
    session_timeout: 300,
    ceiling: 'restrict',
    ...more,
  };
}
