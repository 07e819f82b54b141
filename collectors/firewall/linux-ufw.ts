import { ufw } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';

/** What ufw says of itself; `inbound` is null where it does not name its default. */
export type UfwStatus = { active: boolean; inbound: 'block' | 'allow' | null };

/** Null when ufw is not here or does not answer. Plain `status` names no default, so `verbose` is asked first. */
export async function readUfw(host: Host): Promise<UfwStatus | null> {
  for (const argv of [['status', 'verbose'], ['status']]) {
    const { code, stdout } = await host.run(ufw, argv);
    const status = code === 0 ? parseUfwStatus(stdout) : null;
    if (status) return status;
  }
  return null;
}

export function parseUfwStatus(text: string): UfwStatus | null {
  const status = /^Status: (active|inactive)\s*$/m.exec(text)?.[1];
  if (status === undefined) return null;
  if (status === 'inactive') return { active: false, inbound: 'allow' };
  const word = /^Default: (\w+) \(incoming\)/m.exec(text)?.[1];
  return { active: true, inbound: word === undefined ? null : (DEFAULTS[word] ?? null) };
}

const DEFAULTS: Record<string, 'block' | 'allow'> = { deny: 'block', reject: 'block', allow: 'allow' };
