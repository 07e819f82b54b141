// A certificate as the database has it.
import type { CertificateRow } from '../../src/server/store/tables.ts';

type Of = { device: string | null; notAfter: number; issuedAt?: number; name?: string };

/** Of a gateway where there is no device. */
export function certificateRow(
  serial: string,
  { device, notAfter, issuedAt = 0, name = device ?? 'vpn.example.test' }: Of,
): CertificateRow {
  return {
    serial,
    kind: device === null ? 'gateway' : 'device',
    device,
    name,
    key_id: `key-${serial}`,
    csr: `csr-${serial}`,
    via: 'agent',
    issued_at: issuedAt,
    not_before: issuedAt,
    not_after: notAfter,
    revoked_at: null,
    reason: null,
  };
}
