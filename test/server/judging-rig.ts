// Everything that judges, on a real database, without any door to the network: many devices cost little here.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readings } from '../../collectors/specs.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { createBreaker, type Breaker } from '../../src/server/breaker.ts';
import { storedBreaker } from '../../src/server/breaker-record.ts';
import { createConnections } from '../../src/server/connections.ts';
import { loadState, type DeviceState } from '../../src/server/device-state.ts';
import { createFleet, type Fleet } from '../../src/server/fleet.ts';
import type { News } from '../../src/server/judge-device.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { noticeOutsideChanges, type OutsideParts } from '../../src/server/outside-changes.ts';
import { judgeDue } from '../../src/server/rejudge.ts';
import { named } from '../../src/server/standing.ts';
import { insertDevice } from '../../src/server/store/devices.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Store } from '../../src/server/store/store.ts';
import type { Access, Decision } from '../../src/wire/decision.ts';
import { healthyReadings } from './fixtures.ts';
import { START } from './simulated-device.ts';

export type JudgingRig = {
  now: number;
  policy: Policy;
  readonly file: string;
  readonly store: Store;
  readonly fleet: Fleet;
  readonly ids: readonly string[];
  readonly news: { id: string; news: News; decision: Decision | null }[];
  readonly parts: OutsideParts;
  breaker: Breaker;
  /** Puts the hands on and judges what is due; all devices have just been heard. */
  tick(ms: number): Promise<void>;
  /** As reports would: these devices say this from now on. */
  change(ids: readonly string[], readings: Partial<Readings>): void;
  use(policy: Policy): void;
  counts(): Partial<Record<Access, number>>;
  decision(id: string): Decision | undefined;
  /** As after a start of the server: nothing is in memory but what is on disk. */
  restart(): Promise<void>;
  close(): Promise<void>;
};

export async function startJudging(count: number, policy: Policy): Promise<JudgingRig> {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-judging-'));
  const file = join(folder, 'drawbridge.db');
  const store = await openSqlite(file);
  const ids = Array.from({ length: count }, (_, index) => idOf(index));
  await store.write(async (db) => {
    for (const id of ids) await insertDevice(db, rowOf(id), [keyOf(id)]);
  });
  const template = await store.read((db) => loadState(db, ids[0] ?? ''));
  if (template === null) throw new Error('no device');
  const readings = healthyReadings(new Date(START).toISOString());
  const fresh = (id: string): DeviceState => ({ ...template, id, readings, seenAt: START, factsAt: START });
  const fleet = createFleet(store);
  for (const id of ids) fleet.put(fresh(id));
  const rig: JudgingRig = {
    now: START,
    policy,
    file,
    store,
    fleet,
    ids,
    news: [],
    breaker: createBreaker(),
    parts: partsOf(() => rig),
    async tick(ms) {
      rig.now += ms;
      for (const state of fleet.all()) {
        fleet.put({ ...state, seenAt: rig.now, factsAt: rig.now });
      }
      await noticeOutsideChanges(rig.parts);
      await judgeDue(rig.parts);
    },
    change(some, changed) {
      for (const id of some) {
        const state = fleet.peek(id);
        if (state !== undefined) {
          fleet.put({ ...state, readings: { ...state.readings, ...changed }, dueAt: 0 });
        }
      }
    },
    use(next) {
      rig.policy = next;
      for (const state of fleet.all()) fleet.put({ ...state, dueAt: 0 });
    },
    counts() {
      const counts: Partial<Record<Access, number>> = {};
      for (const { decision } of fleet.all()) {
        const access = decision?.decision.access;
        if (access !== undefined) counts[access] = (counts[access] ?? 0) + 1;
      }
      return counts;
    },
    decision: (id) => fleet.peek(id)?.decision?.decision,
    async restart() {
      rig.breaker = createBreaker(await store.read(storedBreaker));
      for (const id of ids) {
        const known = fleet.peek(id);
        fleet.forget(id);
        const loaded = await fleet.get(id);
        // Readings are not what this rig keeps on disk.
        if (loaded !== null && known !== undefined) {
          const { readings: kept, seenAt, factsAt } = known;
          fleet.put({ ...loaded, readings: kept, seenAt, factsAt });
        }
      }
    },
    async close() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
  return rig;
}

function partsOf(rig: () => JudgingRig): OutsideParts {
  const clock: Clock = { ...systemClock, now: () => rig().now };
  const metrics = createMetrics();
  return {
    get fleet() {
      return rig().fleet;
    },
    get store() {
      return rig().store;
    },
    clock,
    metrics,
    log: createLogger('server', 'silent'),
    listening: { since: () => 0, isInterrupted: () => false, committed: () => {} },
    connections: createConnections(),
    terms: () => ({
      ...named(rig().policy, null),
      listeningSince: 0,
      breaker: rig().breaker,
      fleet: rig().fleet.count(),
    }),
    gone: () => {},
    writtenElsewhere: () => {},
    decided: ({ id, decision }, news) => {
      rig().news.push({ id, news, decision: decision?.decision ?? null });
    },
  };
}

export function idOf(index: number): string {
  return `01930000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`;
}

/** Never used: nobody reports here. */
function keyOf(id: string) {
  return { kid: id, kind: 'report' as const, jwk: '{}', created_at: START };
}

export function rowOf(id: string) {
  return {
    id,
    name: `laptop-${id.slice(-4)}`,
    platform: 'linux' as const,
    machine_id: null,
    ueid: `AQ${'A'.repeat(21)}`,
    key_protection: 'file' as const,
    status: 'live' as const,
    replaces: null,
    enrolled_at: START,
  };
}
