import { checkIds, type Readings } from '../../collectors/specs.ts';
import type { Signer } from '../../src/wire/envelope.ts';
import { generateJwk, softwareSigner } from '../../src/wire/software-key.ts';

/** A signer on a new key in memory. */
export async function memorySigner(): Promise<Signer> {
  return softwareSigner(await generateJwk());
}

/** Readings of a machine of which nothing is known yet. */
export function unreadReadings(at: string): Readings {
  const entries = checkIds.map((id) => [
    id,
    { state: 'unknown', why: 'unsupported', detail: 'not read', at },
  ]);
  return Object.fromEntries(entries) as Readings;
}
