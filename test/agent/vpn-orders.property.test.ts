import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isHeld, NOBODY, wantedOf, type Cause, type Holder } from '../../src/agent/holders.ts';
import type { LedgerState } from '../../src/agent/ledger.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import { VpnFailure, type VpnDriver } from '../../src/agent/vpn/driver.ts';
import { systemClock } from '../../src/base/clock.ts';
import { MemoryDriver } from './memory-driver.ts';
import { MemoryFile, MemoryIsolation, vpnRig, type VpnRig } from './vpn-rig.ts';

/** What survives a crash: disk and kernel. */
type Machine = {
  content: LedgerState | null;
  driver: MemoryDriver;
  isolation: MemoryIsolation;
  faults: string[];
  /** What the last order of the server said; null where a crash leaves that open. */
  said: 'deny' | 'allow' | null;
};

/** One run of the agent on the machine; after `dead` nothing that it does has an effect any more. */
type Run = {
  rig: VpnRig;
  dead: boolean;
  edgesLeft: number;
  stop: AbortController;
  /** Everything that was asked of it. */
  asked: Promise<unknown>[];
};

const never = () => new Promise<never>(() => {});

async function start(machine: Machine, crashAfter: number): Promise<Run> {
  const run = {
    dead: false,
    edgesLeft: crashAfter,
    stop: new AbortController(),
    asked: [],
  } as unknown as Run;
  /** A point at which the process may be killed. */
  const edge = async () => {
    if (!run.dead && run.edgesLeft === 0) run.dead = true;
    run.edgesLeft -= 1;
    // Lets everything else that is under way go on in between.
    await new Promise((resolve) => setImmediate(resolve));
    if (run.dead) await never();
  };
  const file = new MemoryFile();
  file.content = machine.content;
  file.onWrite = edge;
  const write = file.write.bind(file);
  file.write = async (value) => {
    await write(value);
    machine.content = structuredClone(value);
    await edge();
  };
  run.rig = await vpnRig({
    driver: mortal(machine, edge),
    clock: systemClock,
    file,
    isolation: machine.isolation,
    limits: { firstRetryMs: 1, longestRetryMs: 2, graceMs: 1 },
  });
  return run;
}

/** The machine's VPN as one run reaches it. Loosening while somebody holds, by what is on disk, is a fault. */
function mortal(machine: Machine, edge: () => Promise<void>): VpnDriver {
  return {
    inspect: () => machine.driver.inspect(),
    restore: () => machine.driver.restore(),
    async apply(want, signal) {
      await edge();
      const holders = machine.content?.holders ?? NOBODY;
      if (want.state === 'allowed' && signal?.aborted !== true && isHeld(holders))
        machine.faults.push(`allowed while held: ${JSON.stringify(holders)}`);
      const state = await machine.driver.apply(want, signal);
      await edge();
      return state;
    },
  };
}

type Step =
  | { do: 'deny' | 'allow'; wait: boolean }
  | { do: 'contain' | 'cancel' }
  | { do: 'standing'; hold: boolean }
  | { do: 'flush' }
  | { do: 'fail'; times: number }
  | { do: 'crash'; after: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('deny' as const, 'allow' as const), wait: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('contain' as const, 'cancel' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('standing' as const), hold: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail' as const), times: fc.integer({ min: 1, max: 3 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('crash' as const), after: fc.integer({ min: 0, max: 8 }) }),
  },
);

const standing: Holder = { since: 1, until: null, reason: 'own', profiles: null, order: null, checks: [] };

async function play(script: readonly Step[]): Promise<Machine> {
  const machine: Machine = {
    content: null,
    driver: new MemoryDriver(),
    isolation: new MemoryIsolation(),
    faults: [],
    said: 'allow',
  };
  let run = await begin(machine, Infinity);
  let contained = uuidv7(1);
  for (const step of script) {
    if (step.do === 'deny' || step.do === 'allow') {
      const done = run.rig.order({ action: step.do });
      run.asked.push(done);
      machine.said = step.do;
      if (step.wait) await settledOrDead(done, run);
    }
    if (step.do === 'contain') {
      contained = uuidv7(Date.now());
      run.asked.push(
        run.rig.order({ action: 'contain', target: 'device', duration: 60_000, jti: contained }),
      );
    }
    if (step.do === 'cancel')
      run.asked.push(
        run.rig.order({ action: 'cancel', target: 'command', value: { command_id: contained } }),
      );
    if (step.do === 'standing') run.asked.push(holdStanding(run.rig, step.hold).catch(() => {}));
    // As `nft flush ruleset` does.
    if (step.do === 'flush') machine.driver.block = null;
    if (step.do === 'fail') failFor(machine.driver, step.times);
    if (step.do === 'crash') run = await crash(machine, run, step.after);
    if (step.do === 'crash') machine.said = null;
    machine.driver.dial('office');
  }
  machine.driver.before = () => {};
  await quiet(machine, run);
  run.stop.abort();
  return machine;
}

async function begin(machine: Machine, crashAfter: number): Promise<Run> {
  const run = await start(machine, crashAfter);
  await settledOrDead(run.rig.recover(), run);
  const { ledger, keeper } = run.rig;
  if (keeper.problem === null && isHeld(ledger.holders) !== (machine.driver.block === 'all'))
    machine.faults.push('not as held after a start');
  void run.rig.keeper.run(run.stop.signal);
  return run;
}

/** The run goes on for some more steps of its own, is killed there, and a new one starts. */
async function crash(machine: Machine, run: Run, after: number): Promise<Run> {
  run.edgesLeft = after;
  void run.rig.order({ action: 'deny' });
  for (let turn = 0; turn < 40 && !run.dead; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  run.dead = true;
  run.stop.abort();
  return begin(machine, Infinity);
}

async function holdStanding({ ledger, keeper }: VpnRig, hold: boolean): Promise<void> {
  await ledger.hold({ cause: 'standing', holder: hold ? standing : null });
  await keeper.enforce();
}

function failFor(driver: MemoryDriver, times: number): void {
  let left = times;
  driver.before = () => {
    left -= 1;
    if (left >= 0) throw new VpnFailure('not now', 500, null);
  };
}

async function settledOrDead(work: Promise<unknown>, run: Run): Promise<void> {
  const over = { yet: false };
  void work.catch(() => {}).finally(() => (over.yet = true));
  while (!over.yet && !run.dead) await new Promise((resolve) => setImmediate(resolve));
}

/** Everything that was begun has ended, also what is tried again; then the agent looks, as after each collection. */
async function quiet(machine: Machine, { rig, asked }: Run): Promise<void> {
  await Promise.all(asked);
  await expect.poll(() => rig.ledger.unfinished.length, { interval: 1 }).toBe(0);
  await expect.poll(() => rig.keeper.problem, { interval: 1 }).toBeNull();
  await rig.keeper.check();
  expect(rig.ledger.holders).toEqual(machine.content?.holders ?? NOBODY);
}

test('whatever comes in whichever order: while anybody holds, the VPN is down and stays down', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 14 }), async (script) => {
      const { driver, isolation, content, faults, said } = await play(script);
      const holders = content?.holders ?? NOBODY;
      expect(faults).toEqual([]);
      if (said !== null) expect(holders.server !== null).toBe(said === 'deny');
      expect(driver.block).toBe(wantedOf(holders).state === 'denied' ? 'all' : null);
      expect(driver.dial('office')).toBe(!isHeld(holders));
      expect(isolation.on).toBe(holders.contain !== null);
      const open = (content?.entries ?? []).filter(({ outcome }) => outcome === null);
      expect(open).toEqual([]);
    }),
    { numRuns: 60, seed: 20_261_128 },
  );
});

test('each cause is lifted by its own owner only', async () => {
  const causes: readonly Cause[] = ['server', 'standing', 'contain'];
  await fc.assert(
    fc.asyncProperty(fc.subarray([...causes], { minLength: 1 }), async (held) => {
      const driver = new MemoryDriver();
      const { ledger, order } = await vpnRig({ driver, clock: systemClock });
      for (const cause of held) await ledger.hold({ cause, holder: standing });
      await order({ action: 'allow' });
      expect(isHeld(ledger.holders)).toBe(held.some((cause) => cause !== 'server'));
      expect(driver.block === null).toBe(!isHeld(ledger.holders));
    }),
    { numRuns: 8 },
  );
});
