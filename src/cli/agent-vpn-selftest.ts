import { randomBytes } from 'node:crypto';
import { messageOf } from '../base/errors.ts';
import { VpnFailure, type VpnDriver, type VpnState } from '../agent/vpn/driver.ts';
import type { Clock } from '../base/clock.ts';
import { STATUS } from '../wire/order.ts';
import type { VpnProfile } from '../wire/vpn.ts';
import { differences, type Difference, type Snapshot } from './agent-vpn-snapshot.ts';

/** A documentation address (RFC 5737): nobody answers there. */
const NOWHERE = '192.0.2.1';
export const PROFILE_NAME = 'Drawbridge selftest';

export type StepName = 'look' | 'set' | 'deny' | 'deny-again' | 'allow' | 'remove' | 'compare';

export type Step = {
  step: StepName;
  /** `not-supported`: this system has no way to do it, and says so itself. */
  outcome: 'as-expected' | 'differs' | 'not-supported';
  /** A sentence for whoever reads it; empty where all is as expected. */
  detail: string;
  /** Milliseconds. */
  tookMs: number;
};

export type Selftest = {
  /** Null: it ran. Else why it did not, and nothing was changed. */
  refused: string | null;
  passed: boolean;
  steps: Step[];
  differences: Difference[];
};

export type SelftestDeps = {
  driver: VpnDriver;
  snapshot(): Promise<Snapshot>;
  clock: Pick<Clock, 'monotonic'>;
};

/**
 * Denies and allows for real, and compares the computer before and after byte by byte. With a throw-away profile to
 * nowhere where the system lets us make one; else for all of L2TP, and only while none of it is up.
 */
export async function selftest(deps: SelftestDeps): Promise<Selftest> {
  const start = await deps.driver.inspect();
  const refused = whyNot(start, deps.driver);
  if (refused !== null) return { refused, passed: false, steps: [], differences: [] };
  const before = await deps.snapshot();
  const steps = await takeSteps(deps, start);
  const found = differences(before, await deps.snapshot());
  const what = found.map((one) => one.what).join(', ');
  steps.push({ step: 'compare', ...judged(found.length === 0 ? null : `not as before: ${what}`), tookMs: 0 });
  return {
    refused: null,
    passed: steps.every(({ outcome }) => outcome !== 'differs'),
    steps,
    differences: found,
  };
}

function whyNot(start: VpnState, driver: VpnDriver): string | null {
  if (start.block === 'unknown') return `What is there cannot be seen: ${start.problems.join('; ')}`;
  if (start.block === 'holding')
    return 'The VPN of this computer is denied now. Run this again when it is allowed.';
  if (start.profiles.some(({ name }) => name === PROFILE_NAME))
    return `There is a connection ${PROFILE_NAME} already: remove it first.`;
  if (driver.remove === undefined && start.interfaces.length > 0)
    return 'A VPN connection is up, and this test would cut it: disconnect first.';
  return null;
}

/** What was begun is always ended: denied is allowed again and the profile taken away, whatever happens in between. */
async function takeSteps({ driver, clock }: SelftestDeps, start: VpnState): Promise<Step[]> {
  const steps: Step[] = [];
  const take = async (
    step: StepName,
    action: () => Promise<VpnState>,
    expected: (seen: VpnState) => string | null,
  ) => {
    const begun = clock.monotonic();
    const result = await outcomeOf(action, (seen) => expected(seen) ?? collateral(start, seen));
    steps.push({ step, ...result, tookMs: Math.round(clock.monotonic() - begun) });
    return result.outcome;
  };
  const { remove } = driver;
  const made =
    remove === undefined
      ? 'not-supported'
      : await take('set', () => driver.apply({ state: 'set', profile: throwAway(), up: false }), isMade);
  const profiles = made === 'as-expected' ? [PROFILE_NAME] : null;
  if (profiles !== null || start.interfaces.length === 0) {
    await take('deny', () => driver.apply({ state: 'denied', profiles }), isDenied(profiles));
    await take('deny-again', () => driver.apply({ state: 'denied', profiles }), isDenied(profiles));
    await take('allow', () => driver.apply({ state: 'allowed' }), isAllowed);
  }
  if (remove !== undefined && made !== 'not-supported')
    await take('remove', () => remove.call(driver, PROFILE_NAME), isGone);
  return steps;
}

function throwAway(): VpnProfile {
  return {
    name: PROFILE_NAME,
    gateway: NOWHERE,
    machine: { kind: 'psk', psk: randomBytes(18).toString('base64url') },
    user: null,
    suites: { ike: [], esp: [] },
    routes: 'all',
    dns: [],
    mtu: null,
  };
}

type Judged = Pick<Step, 'outcome' | 'detail'>;

async function outcomeOf(
  action: () => Promise<VpnState>,
  expected: (seen: VpnState) => string | null,
): Promise<Judged> {
  try {
    return judged(expected(await action()));
  } catch (error) {
    const detail = messageOf(error);
    const isMissing = error instanceof VpnFailure && error.status === STATUS.notImplemented;
    return { outcome: isMissing ? 'not-supported' : 'differs', detail };
  }
}

function judged(problem: string | null): Judged {
  return { outcome: problem === null ? 'as-expected' : 'differs', detail: problem ?? '' };
}

function isMade({ profiles }: VpnState): string | null {
  const found = profiles.find(({ name }) => name === PROFILE_NAME);
  if (found === undefined) return 'the connection is not there';
  return found.gateway === NOWHERE ? null : `its gateway is ${found.gateway}`;
}

function isDenied(wanted: readonly string[] | null): (seen: VpnState) => string | null {
  return ({ block, profiles, problems }) => {
    if (block !== 'holding') return `the block does not hold: ${problems.join('; ')}`;
    const own = profiles.filter(({ name }) => wanted === null || wanted.includes(name));
    const open = own.filter(({ state }) => state !== 'denied');
    return open.length === 0 ? null : `not shown as denied: ${open.map(({ name }) => name).join(', ')}`;
  };
}

function isAllowed({ block, problems }: VpnState): string | null {
  return block === 'none' ? null : `the block is still there: ${problems.join('; ')}`;
}

function isGone({ profiles }: VpnState): string | null {
  return profiles.some(({ name }) => name === PROFILE_NAME) ? 'the connection is still there' : null;
}

/** Nobody else's connection is touched. */
function collateral(start: VpnState, { interfaces }: VpnState): string | null {
  const lost = start.interfaces.filter((name) => !interfaces.includes(name));
  return lost.length === 0 ? null : `connections were cut that nobody denied: ${lost.join(', ')}`;
}
