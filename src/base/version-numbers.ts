/**
 * Compares versions such as `7.10.2 (b)` number by number; what is missing counts as zero, and of equal numbers the
 * text behind them decides. Negative, zero or positive.
 */
export function compareNumbered(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  const [leftText, rightText] = [suffixOf(a), suffixOf(b)];
  return leftText === rightText ? 0 : leftText < rightText ? -1 : 1;
}

/** The leading numbers; fifteen digits each are as many as a number holds exactly. */
function numbersOf(version: string): number[] {
  const [numbers = ''] = /^\d{1,15}(?:\.\d{1,15})*/.exec(version) ?? [];
  return numbers.split('.').map(Number);
}

function suffixOf(version: string): string {
  return version.replace(/^\d{1,15}(?:\.\d{1,15})*/, '').trim();
}
