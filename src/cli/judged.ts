import type { Platform } from '../../collectors/check.ts';
import { remedies } from '../../collectors/remedies.ts';
import { checkIds, isCheckId, type CheckId, type Readings } from '../../collectors/specs.ts';
import type { Level, Risk, Verdict } from '../wire/decision.ts';
import { paint, table, type Colour } from './present.ts';

const LEVEL_COLOURS: Record<Level, Colour> = {
  pass: 'green',
  warn: 'yellow',
  fail: 'red',
  unknown: 'yellow',
};
const RISK_COLOURS = { low: 'green', medium: 'yellow', high: 'red' } as const;

/** Every check with what was found and how it was judged. */
export function judgedTable(readings: Partial<Readings>, verdicts: readonly Verdict[]): Promise<string> {
  return table(
    ['Check', 'Found', 'Verdict'],
    [...checkIds.map((id) => rowOf(id, readings, verdicts)), ...verdicts.filter(isExpression).map(judgedRow)],
  );
}

/** `high (score 90, policy “default”)` */
export function riskLine(risk: Risk, policy: string): string {
  return `${paint(RISK_COLOURS[risk.level], risk.level)} (score ${risk.score}, policy “${policy}”)`;
}

/** What to do about one verdict: the sentence, why it matters, and the steps for this system. */
export function remedyLines({ reason, sentence }: Verdict, platform: Platform): string[] {
  const first = `${paint('bold', 'To do first')}: ${sentence}`;
  if (reason === 'ok') return [first];
  const { why, steps } = remedies[reason];
  return [first, why, ...steps[platform].map((step, index) => `  ${index + 1}. ${step}`)];
}

function rowOf(id: CheckId, readings: Partial<Readings>, verdicts: readonly Verdict[]): string[] {
  const verdict = verdicts.find((one) => one.check === id);
  if (verdict !== undefined) return judgedRow(verdict);
  return [id, foundIn(readings[id]), paint('dim', 'not judged')];
}

function judgedRow({ check, given, level }: Verdict): string[] {
  return [check, given, paint(LEVEL_COLOURS[level], level === 'pass' ? 'ok' : level)];
}

function isExpression({ check }: Verdict): boolean {
  return !isCheckId(check);
}

function foundIn(reading: Readings[CheckId] | undefined): string {
  if (reading === undefined) return 'not reported';
  return reading.state === 'unknown' ? `${reading.why}: ${reading.detail}` : 'read';
}
