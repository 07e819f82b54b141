/** Compares versions as dpkg does (deb-version(7), without the epoch): negative, zero or positive. */
export function compareDpkg(a: string, b: string): number {
  return compareRuns(splitRuns(a), splitRuns(b), dpkgText);
}

/** Compares version or release strings as rpm does (rpm-version(7)): punctuation only separates, numbers beat letters. */
export function compareRpm(a: string, b: string): number {
  const left = segments(a);
  const right = segments(b);
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = compareSegments(left[index], right[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Text and number in turn, starting with text: `6.1-r2` is `['', '6', '.', '1', '-r', '2']`. */
function splitRuns(version: string): string[] {
  return version.split(/(\d+)/);
}

function compareRuns(a: string[], b: string[], text: (a: string, b: string) => number): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left = '', right = ''] = [a[index], b[index]];
    const difference = index % 2 === 1 ? compareNumbers(left, right) : text(left, right);
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareNumbers(a: string, b: string): number {
  const [left, right] = [BigInt(a || '0'), BigInt(b || '0')];
  return left === right ? 0 : left < right ? -1 : 1;
}

/** Letters sort before everything else, `~` before even the end of the text. */
function dpkgText(a: string, b: string): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = dpkgOrder(a[index]) - dpkgOrder(b[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function dpkgOrder(char: string | undefined): number {
  if (char === undefined) return 0;
  if (char === '~') return -1;
  return /[A-Za-z]/.test(char) ? char.charCodeAt(0) : char.charCodeAt(0) + 256;
}

function segments(version: string): string[] {
  return version.match(/\d+|[A-Za-z]+|[~^]/g) ?? [];
}

function compareSegments(a: string | undefined, b: string | undefined): number {
  const rank = rpmRank(a);
  if (rank !== rpmRank(b)) return rank - rpmRank(b);
  if (a === undefined || b === undefined || a === b) return 0;
  return rank === NUMBER_RANK ? compareNumbers(a, b) : a < b ? -1 : 1;
}

const NUMBER_RANK = 4;

/** `~` sorts before the end of the text, `^` after it but before anything else. */
function rpmRank(segment: string | undefined): number {
  if (segment === '~') return 0;
  if (segment === undefined) return 1;
  if (segment === '^') return 2;
  return /^\d/.test(segment) ? NUMBER_RANK : 3;
}
