// npm run -s conformance -- DIR [--json]: do the readers tell the truth of captured machines?
import Table from 'cli-table3';
import { parseArgs } from 'node:util';
import { runFolder, type CaseResult } from './conformance/run.ts';
import type { Outcome } from './conformance/match.ts';

const OUTCOMES: Outcome[] = ['pass', 'wrong', 'unknown-instead', 'not-applicable'];

const { positionals, values } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const [folder] = positionals;
if (folder === undefined) {
  process.stderr.write(
    'Usage: npm run -s conformance -- DIR [--json]   (DIR holds cases.jsonl and its captures)\n',
  );
  process.exit(2);
}

const results = await runFolder(folder);
process.stdout.write(
  values.json ? `${JSON.stringify({ folder, totals: count(results), results })}\n` : report(results),
);
process.exitCode = results.some((result) => result.outcome === 'wrong') ? 1 : 0;

function count(of: CaseResult[]): Record<Outcome, number> {
  const totals = { pass: 0, wrong: 0, 'unknown-instead': 0, 'not-applicable': 0 };
  for (const result of of) totals[result.outcome] += 1;
  return totals;
}

function report(all: CaseResult[]): string {
  const table = new Table({ head: ['system', 'check', ...OUTCOMES], style: { head: [], border: [] } });
  for (const key of new Set(all.map((result) => `${result.os} ${result.check}`))) {
    const group = all.filter((result) => `${result.os} ${result.check}` === key);
    table.push([...key.split(' '), ...OUTCOMES.map((outcome) => count(group)[outcome])]);
  }
  const totals = count(all);
  table.push(['all', '', ...OUTCOMES.map((outcome) => totals[outcome])]);
  const misses = all.filter((result) => result.outcome !== 'pass');
  const lines = misses.map(
    (result) => `${result.outcome}  ${result.id}\n    ${result.why}\n    truth: ${result.truth}`,
  );
  return `${lines.join('\n')}${lines.length ? '\n' : ''}${table.toString()}\n`;
}
