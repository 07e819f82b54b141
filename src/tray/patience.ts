import type { Patience } from '../../collectors/check.ts';
import { remedies } from '../../collectors/remedies.ts';

/** Minutes for which a problem has to last before anybody is told, where its remedy says nothing else. */
const USUAL: Required<Patience> = { afterMinutes: 5, unless: [] };

/** How long to wait before telling of a problem, and what other problem makes telling needless. */
export function patienceOf(reason: string): Required<Patience> {
  const remedy = Object.hasOwn(remedies, reason) ? remedies[reason as keyof typeof remedies] : null;
  return { ...USUAL, ...(remedy !== null && 'patience' in remedy ? remedy.patience : {}) };
}
