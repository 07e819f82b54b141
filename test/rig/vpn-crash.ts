import type { VpnState, VpnWanted } from '../../src/agent/vpn/driver.ts';
import type { RigNode } from './node.ts';
import { officeProfile } from '../support/vpn-profile.ts';
import type { Rig } from './rig.ts';
import { type Capture, startCapture, type Travelled } from './stack/capture.ts';
import { startGateway } from './stack/gateway.ts';
import { type PlainLaptop, startPlainLaptop } from './stack/plain-laptop.ts';
import { makeSecrets, type Secrets } from './stack/secrets.ts';
import { DriverOnNode, fingerprint, runChild } from './vpn-driver.ts';

/** More failpoints than any scenario has: nobody dies, all are counted. */
const NOBODY = 1_000_000;

const DENIED: VpnWanted = { state: 'denied', profiles: null };
const ALLOWED: VpnWanted = { state: 'allowed' };

/** One thing that is wanted of the driver while it is killed, and what must not be seen after the next start. */
type Scenario = {
  name: string;
  /** Whether a session has to be up before. */
  live: boolean;
  /** Killed first in the midst of it, then in `restore()`: the points are those of `restore()`. */
  inRestore?: true;
  first: readonly VpnWanted[];
  want: VpnWanted;
  wrong(seen: VpnState, etc: Etc): string[];
};

/** Which of a scenario's places, numbered from 1, are tried, of how many there are; null: nothing of it. */
export type Choose = (scenario: string) => ((count: number) => readonly number[]) | null;

export type Round = { scenario: string; point: string; violations: string[] };

/** Rounds of killing the driver with -9 at one failpoint, starting anew, and looking at the machine. */
export class CrashRounds {
  readonly #lt: RigNode;
  readonly #laptop: PlainLaptop;
  readonly #driver: DriverOnNode;
  readonly #secrets: Secrets;
  readonly #capture: Capture;

  private constructor(
    lt: RigNode,
    laptop: PlainLaptop,
    driver: DriverOnNode,
    secrets: Secrets,
    capture: Capture,
  ) {
    this.#lt = lt;
    this.#laptop = laptop;
    this.#driver = driver;
    this.#secrets = secrets;
    this.#capture = capture;
  }

  static async start(rig: Rig): Promise<CrashRounds> {
    const secrets = await makeSecrets();
    await rig.reset();
    const lt = rig.node('lt');
    const gateway = await startGateway(rig.node('gw'), secrets);
    await gateway.radius('open');
    const laptop = await startPlainLaptop(lt, secrets);
    await lt.must('echo "include conf.d/*.conf" >> /etc/swanctl/swanctl.conf');
    const driver = await DriverOnNode.install(lt);
    return new CrashRounds(lt, laptop, driver, secrets, await startCapture(rig.guest));
  }

  /** The places of each scenario that `choose` names. */
  async *run(choose: Choose): AsyncGenerator<Round> {
    for (const scenario of this.#scenarios()) {
      const chosen = choose(scenario.name);
      if (chosen === null) continue;
      await this.#prepare(scenario);
      const before = await fingerprint(this.#lt);
      await this.#driver.apply(scenario.want, NOBODY);
      const acting = await this.#driver.points();
      const after = await fingerprint(this.#lt);
      const midst = Math.ceil(acting.length / 2);
      const points = scenario.inRestore ? await this.#pointsOfRestore(scenario, midst) : acting;
      for (const number of chosen(points.length)) {
        await this.#prepare(scenario);
        const kills = scenario.inRestore ? { acting: midst, restoring: number } : { acting: number };
        const violations = await this.#round(scenario, kills, before, after);
        yield { scenario: scenario.name, point: `${number} ${points[number - 1] ?? ''}`, violations };
      }
    }
    yield* this.#keeperRounds(choose);
  }

  /** Ends the capture of all rounds: how much it has seen at all. */
  travelled(): Promise<Travelled> {
    return this.#capture.stop();
  }

  async #pointsOfRestore(scenario: Scenario, midst: number): Promise<string[]> {
    await this.#prepare(scenario);
    await this.#driver.apply(scenario.want, midst);
    await this.#driver.points();
    await this.#driver.restore(NOBODY);
    return this.#driver.points();
  }

  async #round(
    scenario: Scenario,
    kills: { acting: number; restoring?: number },
    before: string,
    after: string,
  ): Promise<string[]> {
    const clear = scenario.live ? (await this.#capture.count()).clear : 0;
    const { killed } = await this.#driver.apply(scenario.want, kills.acting);
    if (!killed) return ['the driver was not killed'];
    if (kills.restoring !== undefined && !(await this.#driver.restore(kills.restoring)).killed)
      return ['restore() was not killed'];
    const { seen, failure } = await this.#driver.restore();
    if (failure !== null || seen === null) return [`the next start failed: ${failure?.message}`];
    const now = await fingerprint(this.#lt);
    const journal = (await this.#driver.journal()) as { change: unknown; denied: unknown } | null;
    return [
      ...scenario.wrong(seen, { now, before, after, noted: (journal?.denied ?? null) !== null }),
      ...((journal?.change ?? null) === null ? [] : ['the journal still holds a change']),
      ...(scenario.live && (await this.#capture.count()).clear > clear ? ['L2TP left IPsec'] : []),
      ...this.#between(await this.#lt.must('swanctl --list-conns --raw'), now, before, after),
    ];
  }

  /** What the daemon has loaded and what its files say are one. */
  #between(loaded: string, now: string, before: string, after: string): string[] {
    if (before === after || ![before, after].includes(now)) return [];
    const isLoaded = loaded.includes('{drawbridge-office ');
    return isLoaded === (now === after) ? [] : ['the daemon and its files differ'];
  }

  /** The state that a scenario starts from, whatever the one before left. */
  async #prepare({ live, first }: Pick<Scenario, 'live' | 'first'>): Promise<void> {
    await this.#lt.must(
      `for f in /run/ppp*.pid /run/xl2tpd.pid /run/*.xl2tpd.pid; do [ -e $f ] && kill -9 $(head -n1 $f); done; rm -f /run/*.pid.x
      find /etc -name '*drawbridge-office*' -delete; rm -f /var/lib/drawbridge/*; nft -f - <<< 'table inet drawbridge-vpn
delete table inet drawbridge-vpn
table inet drawbridge_isolation
delete table inet drawbridge_isolation'; swanctl --load-all --clear --noprompt > /dev/null; swanctl --terminate --ike corp --force; swanctl --terminate --ike drawbridge-office --force
      while ls -d /sys/class/net/ppp* > /dev/null 2>&1; do sleep 0.1; done; true`,
    );
    for (const want of first) await this.#driver.reach(want);
    if (live) await this.#laptop.connect();
  }

  /** The agent's hold: journal, driver and isolation together. What stands in the journal is what has to be there. */
  async *#keeperRounds(choose: Choose): AsyncGenerator<Round> {
    for (const verb of ['contain', 'release'] as const) {
      const chosen = choose(verb);
      if (chosen === null) continue;
      const prepare = async () => {
        await this.#prepare({ live: verb === 'contain', first: [] });
        if (verb === 'release') await this.#keeper('contain');
      };
      await prepare();
      await this.#keeper(verb, NOBODY);
      const points = await this.#driver.points();
      for (const number of chosen(points.length)) {
        await prepare();
        const killed = (await this.#keeper(verb, number)) === null;
        const held = await this.#keeper('recover');
        const violations = killed && held !== null ? wronglyHeld(held) : ['the agent was not killed'];
        yield { scenario: verb, point: `${number} ${points[number - 1] ?? ''}`, violations };
      }
    }
  }

  /** Null: it was killed. */
  async #keeper(verb: 'contain' | 'release' | 'recover', killAt = 0): Promise<Held | null> {
    const said = await runChild(this.#lt, 'vpn-keeper-child.ts', [verb, String(killAt)]);
    return said === null ? null : (JSON.parse(said.trim().split('\n').at(-1) ?? '') as Held);
  }

  #scenarios(): Scenario[] {
    const set = (up: boolean): VpnWanted => ({ state: 'set', profile: officeProfile(this.#secrets), up });
    const inRestore = true;
    return [
      { name: 'denied', live: true, first: [], want: DENIED, wrong: mustBeDeniedOnceBegun },
      { name: 'set', live: false, first: [], want: set(false), wrong: mustBeWhole },
      { name: 'set and up', live: false, first: [], want: set(true), wrong: mustBeWhole },
      {
        name: 'set while denied',
        live: false,
        first: [DENIED],
        want: set(false),
        wrong: (seen, etc) => [...mustBeDenied(seen, { ...etc, now: etc.before }), ...mustBeOneOf(etc)],
      },
      { name: 'allowed', live: false, first: [DENIED], want: ALLOWED, wrong: mustBeOneThing },
      { name: 'denied, restored', live: true, first: [], want: DENIED, wrong: mustBeDenied, inRestore },
      { name: 'set, restored', live: false, first: [], want: set(false), wrong: mustBeWhole, inRestore },
      {
        name: 'set and up, restored',
        live: false,
        first: [],
        want: set(true),
        wrong: mustBeWhole,
        inRestore,
      },
    ];
  }
}

/** `noted`: whether a denial had begun; `before`, `after`: fingerprints of /etc without the change and with it. */
type Etc = { now: string; before: string; after: string; noted: boolean };

/** Before the driver has noted a denial nothing has begun: what asked for it has a journal of its own. */
function mustBeDeniedOnceBegun(seen: VpnState, etc: Etc): string[] {
  if (etc.noted || seen.block !== 'none') return mustBeDenied(seen, etc);
  return etc.now === etc.before ? [] : ['files changed'];
}

function mustBeDenied({ block, interfaces, profiles }: VpnState, { now, before }: Etc): string[] {
  return [
    ...(block === 'holding' ? [] : [`the block is ${block}`]),
    ...(interfaces.length === 0 ? [] : [`a session is up on ${interfaces.join()}`]),
    ...(profiles.every(({ state }) => state === 'denied') ? [] : ['a profile is not denied']),
    ...(now === before ? [] : ['files changed']),
  ];
}

/** A change is there whole, or not at all; and a session goes only with the whole. */
function mustBeWhole(seen: VpnState, etc: Etc): string[] {
  const isUp = seen.interfaces.length > 0;
  return [
    ...mustBeOneOf(etc),
    ...(isUp && etc.now !== etc.after ? ['a session of an undone change is up'] : []),
  ];
}

function mustBeOneOf({ now, before, after }: Etc): string[] {
  return now === before || now === after ? [] : ['the files are between before and after'];
}

/** Denied whole or allowed whole. */
function mustBeOneThing(seen: VpnState, etc: Etc): string[] {
  const denied = seen.profiles.filter(({ state }) => state === 'denied').length;
  if (seen.block === 'none') return denied === 0 ? [] : ['denied without a block'];
  return mustBeDenied(seen, etc);
}

/** What the agent's hold came to after a start. */
type Held = {
  held: boolean;
  isolation: string;
  block: string | null;
  interfaces: string[];
  problem: string | null;
};

function wronglyHeld({ held, isolation, block, interfaces, problem }: Held): string[] {
  const wanted = held ? ['isolated', 'holding'] : ['none', 'none'];
  return [
    ...(isolation === wanted[0] ? [] : [`isolation is ${isolation}, the journal says ${wanted[0]}`]),
    ...(block === wanted[1] ? [] : [`the block is ${block}, the journal says ${wanted[1]}`]),
    ...(held && interfaces.length > 0 ? [`a session is up on ${interfaces.join()}`] : []),
    ...(problem === null ? [] : [problem]),
  ];
}

/** `wanted` numbers from 1 to `count`, evenly spread. */
export function spread(count: number, wanted: number): number[] {
  const taken = Math.min(count, wanted);
  return Array.from({ length: taken }, (_, index) => 1 + Math.floor((index * count) / taken));
}
