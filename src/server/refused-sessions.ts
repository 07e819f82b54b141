import type { Clock } from '../base/clock.ts';
import type { Refusal } from '../wire/refusal.ts';
import { audit } from './store/audit.ts';
import type { Store } from './store/store.ts';

/** What a device’s own key was refused for and a person should find on record. */
const NOTED: ReadonlySet<Refusal> = new Set(['revoked', 'key_retired', 'cloned_key']);

/** A refused agent comes again each minute: it is on record once an hour. */
const AGAIN_MS = 3_600_000;
const MAX_REMEMBERED = 10_000;

/** Puts down that a session was refused, unless that was put down just now. */
export type NoteRefusal = (refused: { code: Refusal; device: string; remote: string }) => Promise<void>;

export function createRefusalNotes({ store, clock }: { store: Store; clock: Clock }): NoteRefusal {
  const noted = new Map<string, number>();
  return async ({ code, device, remote }) => {
    const now = clock.now();
    const key = `${device} ${code}`;
    if (!NOTED.has(code) || now - (noted.get(key) ?? -Infinity) < AGAIN_MS) return;
    noted.delete(key);
    noted.set(key, now);
    const [oldest] = noted.keys();
    if (noted.size > MAX_REMEMBERED && oldest !== undefined) noted.delete(oldest);
    const entry = { actor: remote, action: `session refused ${code}`, subject: device };
    await store.write((db) => audit(db, now, entry));
  };
}
