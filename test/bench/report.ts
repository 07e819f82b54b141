import { cpus, totalmem } from 'node:os';
import Table from 'cli-table3';

export type Measure = { what: string; value: number; unit: string; note?: string };
/** `value` is how many times `of` is `to`, both measured in this run. */
export type Ratio = { what: string; of: string; to: string; value: number };
export type Goal = { what: string; goal: string; value: string; met: boolean };

/** What a benchmark found. Machines are noisy: read the ratios, not the figures. */
export type BenchReport = { measures: Measure[]; ratios: Ratio[]; goals: Goal[]; notes: string[] };

export type Bench = { what: string; run(args: string[]): Promise<BenchReport> };

export function asJson(name: string, report: BenchReport): string {
  const machine = {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
  return JSON.stringify({
    bench: name,
    at: new Date().toISOString(),
    node: process.version,
    machine,
    ...report,
  });
}

export function asText(report: BenchReport): string {
  const parts = [
    table(
      ['measured', 'value', 'unit', 'note'],
      report.measures.map((one) => [one.what, show(one.value), one.unit, one.note ?? '']),
    ),
    table(
      ['ratio', 'of', 'to', 'times'],
      report.ratios.map((one) => [one.what, one.of, one.to, show(one.value)]),
    ),
    table(
      ['goal', 'limit', 'measured', ''],
      report.goals.map((one) => [one.what, one.goal, one.value, one.met ? 'met' : 'MISSED']),
    ),
    ...report.notes,
  ];
  return `${parts.filter((part) => part !== '').join('\n')}\n`;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Nearest-rank percentile, `p` from 0 to 1; NaN for no values. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN;
}

export function ratio(what: string, of: Measure, to: Measure): Ratio {
  return { what, of: of.what, to: to.what, value: of.value / to.value };
}

function table(head: string[], rows: (string | number)[][]): string {
  if (rows.length === 0) return '';
  const drawn = new Table({ head, style: { head: [], border: [] } });
  drawn.push(...rows);
  return drawn.toString();
}

function show(value: number): string {
  if (!Number.isFinite(value)) return 'n/a';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
