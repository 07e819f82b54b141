import { join } from 'node:path';
import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';
import { runOurs, type User } from '../base/exec.ts';
import { parseJson } from '../base/json.ts';
import { inventory, type Inventory } from '../wire/inventory.ts';

/** Null when it could not be read. Never rejects. */
export type ReadInventory = (signal: AbortSignal) => Promise<Inventory | null>;

const CHILD = join(import.meta.dirname, '../cli/inventory-child.ts');
const LIMITS = { timeoutMs: 30_000, maxBytes: 16 * 1024 };
const DAY_MS = 24 * 3_600_000;

/** The overflow account of POSIX systems, which owns nothing. */
const NOBODY: User = { uid: 65_534, gid: 65_534 };

/**
 * Asks a child without rights. What it prints is looked at like anything from outside: a child that hangs, crashes,
 * floods or lies costs nothing but the inventory. `script` is another child in tests.
 */
export async function readInventory(signal: AbortSignal, script = CHILD): Promise<Inventory | null> {
  const uid = process.getuid?.();
  // Windows: there is no account to drop to, and a service of the system does not start shells.
  if (uid === undefined) return null;
  const user = uid === 0 ? { user: NOBODY } : {};
  const { code, stdout } = await runOurs(script, [], { ...LIMITS, signal, ...user });
  const found = inventory.safeParse(code === 0 ? parseJson(stdout) : undefined);
  return found.success ? found.data : null;
}

export type InventoryDeps = { read: ReadInventory; clock: Clock; onRead(found: Inventory): void };

/** Reads at the start and daily, apart from the collections. What was found last stays when reading fails. */
export function createInventory({ read, clock, onRead }: InventoryDeps): Actor {
  return {
    name: 'inventory',
    async run(signal) {
      while (!signal.aborted) {
        const found = await read(signal);
        if (found !== null) onRead(found);
        await clock.sleep(DAY_MS, signal).catch(() => {});
      }
    },
  };
}
