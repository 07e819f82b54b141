import { isWithin } from './addresses.ts';
import type { Dialling } from './radius-request.ts';
import type { Nas } from './radius-settings.ts';

/** The settings of the NAS that asks: by its name, and by its address where the settings name any. Null: unknown. */
export function nasFor(
  { nas, nasAddress }: Pick<Dialling, 'nas' | 'nasAddress'>,
  known: readonly Nas[],
): Nas | null {
  const named = known.find((one) => one.name === nas);
  if (named !== undefined) return isAt(named, nasAddress) ? named : null;
  return known.find((one) => one.addresses.length > 0 && isAt(one, nasAddress)) ?? null;
}

function isAt({ addresses }: Nas, address: string | null): boolean {
  return addresses.length === 0 || address === null || isWithin(address, addresses);
}
