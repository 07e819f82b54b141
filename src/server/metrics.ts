import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Refusal } from '../wire/refusal.ts';
import type { CommitObserver } from './store/group-commit.ts';

/** What the server counts about itself, for `GET /metrics`. */
export type Metrics = {
  reported(kind: string, outcome: 'stored' | 'again' | 'conflict'): void;
  refused(code: Refusal): void;
  committed: CommitObserver;
  judged(seconds: number): void;
  gateAnswered(access: string, reason: string): void;
  accounted(kind: string): void;
  signalled(source: string, outcome: string): void;
  certified(outcome: string): void;
  /** To be called once, where certificates are given. */
  showCertificates(read: () => Promise<CertificateEnds>): void;
  /** To be called once. */
  showGauges(gauges: Gauges): void;
  /** In the Prometheus text format. */
  text(): Promise<string>;
  contentType: string;
};

/** When something ends, in seconds since the epoch, by what it is; and how many devices are late with renewing. */
export type CertificateEnds = { ends: Record<string, number>; holding: number; late: number };

/** Asked whenever somebody looks. */
export type Gauges = { connections(): number; access(): Record<string, number> };

export function createMetrics(): Metrics {
  const registry = new Registry();
  const { reports, refusals, gate, accounting, signals, certificates } = counters(registry);
  const judging = histogram(
    registry,
    'decide_seconds',
    'Time to judge one round of devices',
    JUDGING_SECONDS,
  );
  return {
    reported: (kind, outcome) => reports.inc({ kind, outcome }),
    refused: (code) => refusals.inc({ code }),
    committed: commitObserver(registry),
    judged: (seconds) => judging.observe(seconds),
    showCertificates: (read) => addCertificateGauges(registry, read),
    showGauges: (gauges) => addGauges(registry, gauges),
    gateAnswered: (access, reason) => gate.inc({ access, reason }),
    accounted: (kind) => accounting.inc({ kind }),
    signalled: (source, outcome) => signals.inc({ source, outcome }),
    certified: (outcome) => certificates.inc({ outcome }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

const JUDGING_SECONDS = [0.0001, 0.001, 0.01, 0.1, 1];
const COMMIT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2];
const COMMIT_UNITS = [1, 2, 4, 8, 16, 32, 64, 128];

function counters(registry: Registry) {
  return {
    reports: counter(registry, 'reports_total', 'Reports by kind and outcome', ['kind', 'outcome']),
    refusals: counter(registry, 'refusals_total', 'Frames and enrolments refused, by code', ['code']),
    gate: counter(registry, 'gate_answers_total', 'Answers to RADIUS, by access and reason', [
      'access',
      'reason',
    ]),
    signals: counter(registry, 'signals_total', 'Signals by source and outcome', ['source', 'outcome']),
    certificates: counter(registry, 'certificates_total', 'Requests for a certificate, by outcome', [
      'outcome',
    ]),
    accounting: counter(registry, 'accounting_total', 'Accounting records, by kind', ['kind']),
  };
}

function commitObserver(registry: Registry): CommitObserver {
  const seconds = histogram(
    registry,
    'commit_seconds',
    'Time until a transaction is on disk',
    COMMIT_SECONDS,
  );
  const sizes = histogram(registry, 'commit_units', 'Units of work that shared one commit', COMMIT_UNITS);
  const failures = counter(registry, 'commit_failures_total', 'Transactions that did not reach the disk', []);
  return ({ units, ms, failed }) => {
    seconds.observe(ms / 1_000);
    sizes.observe(units);
    if (failed) failures.inc();
  };
}

function addGauges(registry: Registry, { connections, access }: Gauges): void {
  gauge(registry, 'connections', 'Devices connected now', [], function () {
    this.set(connections());
  });
  gauge(registry, 'devices', 'Live devices by what the decision in force allows', ['access'], function () {
    for (const [name, count] of Object.entries(access())) this.set({ access: name }, count);
  });
}

function addCertificateGauges(registry: Registry, read: () => Promise<CertificateEnds>): void {
  const end = 'When a certificate ends, in seconds since the epoch';
  const devices = 'Devices with a certificate, and those of them that have not renewed in time';
  const label = { ends: 'certificate_end_seconds', devices: 'certificate_devices' };
  const both = (what: 'ends' | 'devices') =>
    async function (this: Gauge) {
      const { ends, holding, late } = await read();
      this.reset();
      const values = what === 'ends' ? ends : { holding, late };
      for (const [name, value] of Object.entries(values)) this.set({ what: name }, value);
    };
  gauge(registry, label.ends, end, ['what'], both('ends'));
  gauge(registry, label.devices, devices, ['what'], both('devices'));
}

function counter(registry: Registry, name: string, help: string, labelNames: string[]): Counter {
  return new Counter({ name: `drawbridge_${name}`, help, labelNames, registers: [registry] });
}

function histogram(registry: Registry, name: string, help: string, buckets: number[]): Histogram {
  return new Histogram({ name: `drawbridge_${name}`, help, buckets, registers: [registry] });
}

function gauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: string[],
  collect: (this: Gauge) => void | Promise<void>,
) {
  return new Gauge({ name: `drawbridge_${name}`, help, labelNames, registers: [registry], collect });
}
