import { remedies } from '../../collectors/remedies.ts';
import type { ReasonCode } from '../../collectors/specs.ts';

/** The one sentence about a reason, for the tray, the helpdesk, the RADIUS log and the SIEM alike. */
export function sentenceFor(reason: ReasonCode | 'ok', expected: string, given: string): string {
  return reason === 'ok'
    ? `Fine: ${given}.`
    : `${remedies[reason].title}: expected ${expected}, found ${given}.`;
}
