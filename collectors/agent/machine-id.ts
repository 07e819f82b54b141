import { createHmac } from 'node:crypto';

/** Fixed for ever: another text would give every device another id. */
const APPLICATION = 'drawbridge/agent/machine-id/1';

/**
 * A keyed hash of the system's own id (HMAC-SHA-256, base64url), so that the id itself stays on the machine and ours
 * cannot be joined with another program's. The same idea as sd_id128_get_machine_app_specific(3).
 */
export function hashMachineId(systemId: string): string {
  return createHmac('sha256', systemId).update(APPLICATION).digest('base64url');
}
