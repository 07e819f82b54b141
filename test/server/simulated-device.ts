// A device as decide sees it, on a clock that the test turns: each step judges it anew and remembers what has to be.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readings } from '../../collectors/specs.ts';
import type { UnknownSince } from '../../src/policy/judge.ts';
import { NO_MEMORY, type Memory } from '../../src/policy/memory.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { decide, type Decided, type Evidence } from '../../src/server/decide.ts';
import type { Decision } from '../../src/wire/decision.ts';
import { healthyReadings } from './fixtures.ts';

const text = readFileSync(join(import.meta.dirname, '../../src/policy/default-policy.yaml'), 'utf8');

/** The default policy with some of its text replaced. */
export function defaultPolicy(...changes: readonly (readonly [string | RegExp, string])[]): Policy {
  const changed = changes.reduce((all, [from, to]) => {
    const next = all.replace(from, to);
    if (next === all) throw new Error(`the default policy does not contain ${String(from)}`);
    return next;
  }, text);
  const parsed = parsePolicy(changed);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

export const START = Date.parse('2026-11-20T10:00:00.000Z');
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

export class SimulatedDevice {
  now = START;
  readings: Partial<Readings> = healthyReadings(new Date(START).toISOString());
  memory: Memory = NO_MEMORY;
  previous: Decision | null = null;
  breakGlassUntil: number | null = null;
  unknownSince: UnknownSince = {};
  tags: string[] = [];
  policy: Policy;
  label = 'default (1)';
  readonly id: string;

  constructor(policy: Policy, id = '01930000-0000-7000-8000-000000000000') {
    this.policy = policy;
    this.id = id;
  }

  get evidence(): Evidence {
    return {
      readings: this.readings,
      unknownSince: this.unknownSince,
      seenAt: this.now,
      factsAt: this.now,
      cloned: false,
      traits: { id: this.id, tags: this.tags, directoryGroups: [] },
      breakGlassUntil: this.breakGlassUntil,
      memory: this.memory,
    };
  }

  /** Reports after so many milliseconds, with these readings changed. */
  after(ms: number, changed: Partial<Readings> = {}): Decided {
    this.now += ms;
    this.readings = { ...this.readings, ...changed };
    const terms = { policy: this.policy, label: this.label, listeningSince: 0 };
    const decided = decide(this.evidence, terms, this.now, this.previous);
    this.memory = decided.memory;
    this.previous = decided.decision;
    return decided;
  }

  use(policy: Policy): void {
    this.policy = policy;
    this.label = `default (${Number(this.label.slice(9, -1)) + 1})`;
  }
}

type Facts = { [Id in keyof Readings]: Extract<Readings[Id], { state: 'known' }>['fact'] };

/** A healthy reading of a check with some of its fact changed. */
export function reading<Id extends keyof Readings>(id: Id, change: Partial<Facts[Id]>): Partial<Readings> {
  const healthy = healthyReadings(new Date(START).toISOString())[id];
  if (healthy.state !== 'known') throw new Error(`${id} is not known`);
  return { [id]: { ...healthy, fact: { ...healthy.fact, ...change } } } as Partial<Readings>;
}
