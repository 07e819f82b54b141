import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Readings } from '../../collectors/specs.ts';
import { checkTimesState, datedBy, openCheckTimes, type CheckTimes } from '../../src/agent/check-times.ts';
import { judgeAll } from '../../src/agent/judgement.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { createLogger } from '../../src/base/log.ts';
import { parseCompiled, type CompiledPolicy } from '../../src/policy/compiled.ts';
import { healthyReadings } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { payloadOf, type TestLink } from './test-agent.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let rig: Rig;
let folder: string;
beforeAll(async () => {
  rig = await startRig();
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-times-'));
});
afterAll(async () => {
  await rig.close();
  await rm(folder, { recursive: true, force: true });
});

const openTimes = () => {
  const log = createLogger('test', 'silent');
  return openCheckTimes(stateFile(join(folder, 'check-times.json'), checkTimesState, log), log);
};

/** A laptop that reports, keeps its times, and judges itself by the policy that came last. */
class Laptop {
  readonly link: TestLink;
  #times: CheckTimes;
  #readings: Readings | null = null;

  constructor(link: TestLink, times: CheckTimes) {
    this.link = link;
    this.#times = times;
  }

  get policies(): CompiledPolicy[] {
    return this.link.frames.flatMap((frame) => {
      const compiled = frame.t === 'policy' ? parseCompiled(payloadOf(frame.jws).policy) : null;
      return compiled?.ok ? [compiled.value] : [];
    });
  }

  async read(firewall: 'known' | 'timeout'): Promise<void> {
    rig.clock.advance(5 * MINUTE);
    const at = new Date(rig.clock.now()).toISOString();
    const readings = healthyReadings(at);
    if (firewall === 'timeout') readings.firewall = { state: 'unknown', why: 'timeout', detail: '', at };
    this.#readings = readings;
    await this.#times.note(readings, rig.clock.now());
    // The nonce is older than its 120 s by now: the answer to the first one brings another.
    await this.link.report({ readings });
    expect(await this.link.report({ readings })).toMatchObject({ t: 'ack' });
  }

  async restart(): Promise<void> {
    this.#times = await openTimes();
  }

  /** What it makes of the firewall by itself, and since when. */
  own() {
    const policy = this.policies.at(-1);
    if (policy === undefined || this.#readings === null) throw new Error('nothing to judge yet');
    const unknownSince = datedBy(this.#times.now(), policy.unknownSince);
    const { verdicts } = judgeAll(this.#readings, { ...policy, unknownSince }, rig.clock.now());
    return verdicts.find(({ check }) => check === 'firewall');
  }
}

test('a reading that comes and goes brings no new policy, one that stays away brings one, and both judge alike', async () => {
  const laptop = new Laptop(await rig.link(), await openTimes());
  const servers = async () => {
    const { verdicts } = await rig.document(laptop.link.identity.device);
    return verdicts.find(({ check }) => check === 'firewall');
  };
  const expectSame = async () => {
    const [own, server] = [laptop.own(), await servers()];
    expect(own).toMatchObject({ level: server?.level, points: server?.points });
    const [mine, theirs] = [own, server].map((verdict) => Date.parse(verdict?.until ?? '1970-01-01'));
    // The server dates by the arrival of a report, the laptop by its end.
    expect(Math.abs(Number(mine) - Number(theirs))).toBeLessThan(10_000);
    return server?.level;
  };

  await laptop.read('known');
  // One on connecting, and one for what its first report says of it.
  await expectEventually(
    async () => laptop.policies.length,
    (count) => count === 2,
  );
  const before = laptop.policies.length;
  for (let flap = 0; flap < 5; flap += 1) {
    await laptop.read('timeout');
    expect(await expectSame()).toBe('unknown');
    await laptop.read('timeout');
    await laptop.read('known');
    expect(await expectSame()).toBe('pass');
  }
  expect(laptop.policies.length).toBe(before);

  for (let step = 0; step < 30; step += 1) await laptop.read('timeout');
  await expectEventually(
    async () => laptop.policies.length,
    (count) => count === before + 1,
  );
  expect(laptop.policies.at(-1)?.unknownSince).toHaveProperty('firewall');
  expect(await expectSame()).toBe('unknown');

  // Known for a moment: its hours begin anew with this one, of which no policy tells once the server is away.
  await laptop.read('known');
  await laptop.read('timeout');
  await laptop.restart();
  rig.clock.advance(71 * HOUR);
  expect(laptop.own()?.level).toBe('unknown');
  rig.clock.advance(HOUR);
  expect(laptop.own()?.level).toBe('warn');
  await expectEventually(servers, (verdict) => verdict?.level === 'warn');
  await expectSame();
});
