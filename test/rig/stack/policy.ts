import { stringify } from 'yaml';
import { checkIds } from '../../../collectors/specs.ts';

/** The program that an unhealthy laptop runs. */
export const FORBIDDEN = 'forbidden-thing';

/** What the policy says of a laptop where the forbidden program runs. */
export type PolicyOptions = {
  access?: 'allow' | 'restrict' | 'quarantine' | 'deny';
  standing?: 'high' | 'never';
  /** Seconds between heartbeats; few, so that a test need not wait for what silence means. */
  heartbeat?: number;
};

/** A policy that looks at one thing, which tests can turn on and off: a program that must not run. */
export function policyText({
  access = 'deny',
  standing = 'never',
  heartbeat = 5,
}: PolicyOptions = {}): string {
  const checks = Object.fromEntries(checkIds.map((id) => [id, { weight: 0 }]));
  return stringify({
    version: 1,
    name: 'rig',
    access: { low: 'allow', medium: 'restrict', high: access },
    heartbeat: { everySeconds: heartbeat },
    standing: { deny: standing },
    watch: { [FORBIDDEN]: { linux: [FORBIDDEN] } },
    checks: { ...checks, processes: { weight: 100, floor: 'high' } },
  });
}
