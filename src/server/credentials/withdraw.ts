import { audit } from '../store/audit.ts';
import type { Db } from '../store/store.ts';
import { credentialOf, putCredential } from '../store/vpn-credentials.ts';

/**
 * A unit of the store: whatever password the device was given is worth nothing, and never comes back. Answers with how
 * many that were, none or one.
 */
export async function withdrawCredential(
  db: Db,
  device: string,
  because: string,
  { actor, now }: { actor: string; now: number },
): Promise<number> {
  const row = await credentialOf(db, device);
  if (row.epoch === null) return 0;
  await putCredential(db, { device, generation: row.generation + 1, epoch: null, confirmed_at: null });
  await audit(db, now, { actor, action: 'withdraw VPN credential', subject: device, detail: { because } });
  return 1;
}
