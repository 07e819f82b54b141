import { iso } from '../base/clock.ts';
import { remedies } from '../../collectors/remedies.ts';
import type { ReasonCode } from '../../collectors/specs.ts';

/** Since when, and until when a grace lasts or has lasted (`over`); milliseconds, null where that is not known. */
export type Span = { since: number | null; until: number | null; over: boolean };

/** The one sentence about a reason, for the tray, the helpdesk, the RADIUS log and the SIEM alike. */
export function sentenceFor(
  reason: ReasonCode | 'ok',
  expected: string,
  given: string,
  span: Span | null = null,
): string {
  if (reason === 'ok') return `Fine: ${given}.`;
  return `${remedies[reason].title}: expected ${expected}, found ${given}${spanWords(span)}.`;
}

function spanWords(span: Span | null): string {
  if (span === null) return '';
  const { since, until, over } = span;
  const words = [
    ...(since === null ? [] : [`since ${minute(since)}`]),
    ...(until === null ? [] : [`${over ? 'was to be mended by' : 'to be mended by'} ${minute(until)}`]),
  ];
  return words.length === 0 ? '' : `; ${words.join(', ')}`;
}

/** `2026-11-20 10:00 UTC` */
function minute(time: number): string {
  return `${iso(time).slice(0, 16).replace('T', ' ')} UTC`;
}

export function isoOrNull(time: number | null): string | null {
  return time === null ? null : iso(time);
}
