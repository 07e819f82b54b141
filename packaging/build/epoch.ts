import { spawnSync } from 'node:child_process';

/** 1 January 2026: what is neither told nor in a Git checkout still gives the same bytes twice. */
const FALLBACK = 1_767_225_600;

/** Seconds since 1970 that everything made is dated with: SOURCE_DATE_EPOCH, else the last commit. */
export function buildEpoch(root: string): number {
  const told = Number(process.env.SOURCE_DATE_EPOCH ?? NaN);
  if (Number.isSafeInteger(told) && told > 0) return told;
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  const committed = Number(stdout?.trim() || NaN);
  return Number.isSafeInteger(committed) ? committed : FALLBACK;
}
