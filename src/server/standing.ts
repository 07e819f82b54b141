import { PLATFORMS, type Platform } from '../../collectors/check.ts';
import type { Clock } from '../base/clock.ts';
import { checkIds, type CheckId } from '../../collectors/specs.ts';
import { baselineFor, seriesOf, type Baseline } from '../policy/baseline.ts';
import { compile, type Personal } from '../policy/compiled.ts';
import type { Course } from '../policy/course.ts';
import { modeFor } from '../policy/groups.ts';
import type { UnknownSince } from '../policy/judge.ts';
import type { Memory } from '../policy/memory.ts';
import type { Policy, Referenced } from '../policy/policy.ts';
import { policySchema } from '../policy/policy-schema.ts';
import { isWhole } from '../policy/tags.ts';
import type { Decision } from '../wire/decision.ts';
import { seal, TYP, type Signer } from '../wire/envelope.ts';
import { deviceUrn, digest } from '../wire/ids.ts';
import type { NamedPolicy } from './decide.ts';
import { unknownSince, type DeviceState } from './device-state.ts';
import { getMeta, setMeta } from './store/meta.ts';
import type { Store } from './store/store.ts';

/** The policy in force. Version and label change whenever its content does. */
export type InForce = NamedPolicy & { version: number };

/** The standing policy: what devices hold, so that they can judge themselves while the server is away. */
export type Standing = {
  inForce(): InForce;
  /** Puts another policy in force, which is on record before this resolves. */
  replace(policy: Policy): Promise<InForce>;
  /** Puts another baseline in force, likewise. */
  refer(baseline: Baseline): Promise<InForce>;
  /** The policy for one device, signed by the order key. */
  sealFor(state: DeviceState): Promise<string>;
};

/** A device that has not met its server for so long has no policy any more. */
const VALID_SECONDS = 30 * 86_400;

/** A shorter unknown is the device's own to date: one that comes and goes would be a new policy each time. */
const LASTING_MS = 3_600_000;

export async function createStanding(
  parts: { store: Store; clock: Clock; signer: Signer; issuer: string },
  policy: Policy,
  baseline: Baseline | null = null,
): Promise<Standing> {
  const { store, clock, signer, issuer } = parts;
  let held: Content = { policy, baseline };
  let current = await enforce(store, held, clock.now());
  const put = async (next: Content) => {
    current = await enforce(store, next, clock.now());
    held = next;
    return current;
  };
  return {
    inForce: () => current,
    replace: (next) => put({ ...held, policy: next }),
    refer: (next) => put({ ...held, baseline: next }),
    sealFor(state) {
      const now = clock.now();
      const iat = Math.floor(now / 1_000);
      const { policy, version } = current;
      const { memory, breakGlass } = state;
      const judgement = { policy, memory, decision: state.decision?.decision ?? null };
      const personal = personalOf(state, judgement, now);
      const claims = {
        iss: issuer,
        aud: deviceUrn(state.id),
        iat,
        exp: iat + VALID_SECONDS,
        // Rises when either does.
        version: version + state.compiled.revision,
        policy: compile(policy, { ...personal, baseline: ownBaseline(state, policy) }),
        break_glass: breakGlass === null ? null : Math.floor(breakGlass.until / 1_000),
      };
      return seal(TYP.policy, claims, signer);
    },
  };
}

type Judgement = { policy: Policy; memory: Memory; decision: Decision | null };

/** What one device's compiled policy holds that others' do not. */
function personalOf(state: DeviceState, judgement: Judgement, now: number): Personal {
  const { policy, memory, decision } = judgement;
  const { id, tags, directoryGroups } = state;
  const { mode } = modeFor(policy, { id, tags, directoryGroups });
  return {
    mode,
    courses: begunIn(memory),
    unknownSince: lastingUnknown(state, now),
    held: decision?.held === 'breaker',
    platform: platformOf(state),
  };
}

function ownBaseline(state: DeviceState, { baseline }: Referenced): Baseline | null {
  return baseline ? baselineFor(baseline, state.readings) : null;
}

function platformOf({ platform }: DeviceState): Platform | null {
  return PLATFORMS.find((one) => one === platform) ?? null;
}

/** What picks a device's part of the baseline: another release of its system, another antivirus. */
function releaseOf({ readings }: DeviceState): unknown {
  const [version, antivirus] = [readings['os-version'], readings.antivirus];
  const products = antivirus?.state === 'known' ? antivirus.fact.products.map(({ name }) => name) : [];
  return version?.state === 'known' ? [seriesOf(version.fact), products] : [products];
}

/** The same in one word: where it has changed, the device needs its policy anew. */
export function personalKey(state: DeviceState, judgement: Judgement, now: number): string {
  const { mode, courses, unknownSince, held } = personalOf(state, judgement, now);
  return JSON.stringify([
    mode,
    courses,
    unknownSince,
    held,
    state.breakGlass?.until ?? null,
    releaseOf(state),
  ]);
}

function begunIn({ courses }: Memory): Personal['courses'] {
  const begun: Personal['courses'] = {};
  for (const [id, course] of Object.entries(courses) as [CheckId, Course][]) {
    begun[id] = { since: course.since, failedAt: course.failedAt, spent: course.spent };
  }
  return begun;
}

/** Since when checks are unknown that have been so for a while. */
function lastingUnknown(state: DeviceState, now: number): UnknownSince {
  const { readings } = state;
  const since = unknownSince(state);
  const unknown: UnknownSince = {};
  for (const id of checkIds) {
    const time = since[id];
    if (time !== undefined && now - time >= LASTING_MS && !isKnown(id, readings)) unknown[id] = time;
  }
  return unknown;
}

type Content = { policy: Policy; baseline: Baseline | null };

function isKnown(id: CheckId, readings: DeviceState['readings']): boolean {
  const reading = readings[id];
  return reading !== undefined && isWhole(id, reading);
}

const LAST_GOOD = 'policy';

/** The policy that was last in force, for a start with a file that cannot be read; null where there was none. */
export async function lastGoodPolicy(store: Store): Promise<Policy | null> {
  const text = await store.read((db) => getMeta(db, LAST_GOOD));
  const parsed = text === null ? null : policySchema.safeParse(JSON.parse(text));
  return parsed?.success ? parsed.data : null;
}

/** A version of its own for each content. It rises with time, so that a restored backup still rises. */
async function enforce(store: Store, { policy, baseline }: Content, now: number): Promise<InForce> {
  const content = baseline === null ? contentOf(policy) : digest(JSON.stringify([policy, baseline]));
  const version = await store.write(async (db) => {
    const [known, last] = [
      await getMeta(db, 'policy-digest'),
      Number((await getMeta(db, 'policy-version')) ?? 0),
    ];
    if (known === content) return last;
    const next = Math.max(last + 1, Math.floor(now / 1_000));
    await setMeta(db, 'policy-digest', content);
    await setMeta(db, 'policy-version', String(next));
    await setMeta(db, LAST_GOOD, JSON.stringify(policy));
    return next;
  });
  return { ...named(policy, baseline), version };
}

/** A policy under the name that stands in decisions: the file's own, and what tells it from another of that name. */
export function named(policy: Policy, baseline: Baseline | null): NamedPolicy {
  return { policy: { ...policy, baseline }, label: `${policy.name} (${contentOf(policy).slice(8, 16)})` };
}

function contentOf(policy: Policy): string {
  return digest(JSON.stringify(policy));
}
