import { DatabaseSync } from 'node:sqlite';
import { judge } from '../../src/policy/judge.ts';
import { evidenceOf } from '../../src/server/device-state.ts';
import { judgeDue } from '../../src/server/rejudge.ts';
import { startJudging, type JudgingRig } from '../server/judging-rig.ts';
import { defaultPolicy, MINUTE, reading } from '../server/simulated-device.ts';
import { type Bench, type BenchReport, type Measure } from './report.ts';

const DEVICES = 50_000;
const GOAL_SECONDS = 5;

/** A fleet of which one in four is not well, by the default policy. */
const ILLS = [
  reading('os-patch', { pendingSecurity: 3 }),
  reading('firewall', { state: 'off' }),
  reading('disk-encryption', { system: 'plain' }),
  reading('antivirus', { active: null }),
];

export const bench: Bench = {
  what: `${DEVICES} devices judged anew after a change of the policy, decisions on disk; the bare rules beside it`,
  async run() {
    const rig = await startJudging(DEVICES, defaultPolicy());
    try {
      for (const [kind, ill] of ILLS.entries()) {
        rig.change(
          rig.ids.filter((_, index) => index % 16 === kind),
          ill,
        );
      }
      await rig.tick(0);
      return await measured(rig);
    } finally {
      await rig.close();
    }
  },
};

async function measured(rig: JudgingRig): Promise<BenchReport> {
  const before = rig.counts();
  rig.use(
    defaultPolicy(['name: default', 'name: changed'], ['weight: 20\n    unknown', 'weight: 30\n    unknown']),
  );
  rig.news.length = 0;
  const changed = await timed(() => judgeDue(rig.parts));
  const written = rig.news.filter(({ news }) => news.decision).length;
  rig.now += MINUTE;
  const unchanged = await timed(() => judgeDue(rig.parts));
  const policyChange: Measure = {
    what: 'after a change of the policy',
    value: changed.seconds,
    unit: 's',
    note: `${written} decisions written and fsynced; before: ${JSON.stringify(before)}, after: ${JSON.stringify(rig.counts())}`,
  };
  return {
    measures: [
      policyChange,
      { what: 'devices judged', value: DEVICES / changed.seconds, unit: '1/s', note: 'with their decisions' },
      {
        what: 'of that, processor',
        value: changed.cpu,
        unit: 's',
        note: 'the rest is disk, and whoever else is on the machine',
      },
      { what: 'the minute’s round, nothing new', value: unchanged.seconds, unit: 's' },
      {
        what: 'the rules alone',
        value: (await timed(() => bareRules(rig))).seconds,
        unit: 's',
        note: 'the limit: no decision, no disk',
      },
      {
        what: 'the rows alone',
        value: (await timed(() => bareRows(rig))).seconds,
        unit: 's',
        note: 'the limit: bare SQLite inserts of as many decisions',
      },
    ],
    ratios: [],
    goals: [
      {
        what: `${DEVICES} devices after a change of the policy`,
        goal: `under ${GOAL_SECONDS} s`,
        value: `${changed.seconds.toFixed(2)} s`,
        met: changed.seconds < GOAL_SECONDS,
      },
    ],
    notes: [],
  };
}

async function bareRules(rig: JudgingRig): Promise<void> {
  for (const state of rig.fleet.all()) {
    const { readings, unknownSince } = evidenceOf(state);
    judge(readings, rig.policy, rig.now, unknownSince);
  }
}

/** In a database of their own, as one transaction. */
async function bareRows(rig: JudgingRig): Promise<void> {
  const database = new DatabaseSync(`${rig.file}.bare`);
  database.exec('pragma journal_mode = wal; pragma synchronous = full');
  database.exec('create table decisions (id text primary key, device text, decision text)');
  const insert = database.prepare('insert into decisions values (?, ?, ?)');
  database.exec('begin');
  for (const { id, decision } of rig.fleet.all()) insert.run(id, id, JSON.stringify(decision));
  database.exec('commit');
  database.close();
}

async function timed(work: () => Promise<void>): Promise<{ seconds: number; cpu: number }> {
  const started = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - started) / 1_000, cpu: (user + system) / 1e6 };
}
