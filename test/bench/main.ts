// npm run bench -- NAME [--json]: measures us beside a peer or a limit in the same run.
import { asJson, asText, type Bench } from './report.ts';

const benches: Record<string, () => Promise<{ bench: Bench }>> = {
  certificates: () => import('./certificates.ts'),
  collect: () => import('./collect.ts'),
  ingest: () => import('./ingest.ts'),
  containment: () => import('./containment.ts'),
  crash: () => import('./crash.ts'),
  failpoints: () => import('./failpoints.ts'),
  footprint: () => import('./footprint.ts'),
  gate: () => import('./gate.ts'),
  keys: () => import('./keys.ts'),
  judge: () => import('./judge.ts'),
  signal: () => import('./signal.ts'),
  tray: () => import('./tray.ts'),
};

const [name, ...rest] = process.argv.slice(2).filter((word) => word !== '--json');
const json = process.argv.includes('--json');
const load = name === undefined ? undefined : benches[name];

if (name === undefined || load === undefined) {
  process.stderr.write(
    `Usage: npm run bench -- NAME [--json]\nNAME is one of: ${Object.keys(benches).join(', ')}\n`,
  );
  process.exit(2);
}

const { bench } = await load();
process.stderr.write(`${bench.what} …\n`);
const report = await bench.run(rest);
process.stdout.write(json ? `${asJson(name, report)}\n` : asText(report));
process.exitCode = report.goals.every((goal) => goal.met) ? 0 : 1;
