// What an agent does with the policies that it is given, as an executable's first module.
import type { Readings } from '../../collectors/specs.ts';
import type { Identity } from '../../src/agent/enrolment.ts';
import { judgeAll } from '../../src/agent/judgement.ts';
import { openStanding, type StandingState } from '../../src/agent/standing.ts';
import { systemClock } from '../../src/base/clock.ts';

export type Given = { identity: Identity; policies: string[]; readings: Readings };

async function main({ identity, policies, readings }: Given): Promise<void> {
  let kept: StandingState | null = null;
  const file = { path: '', read: async () => kept, write: async (next: StandingState) => void (kept = next) };
  const standing = await openStanding(file, identity, systemClock);
  for (const jws of policies) {
    const taken = await standing.take(jws);
    if (!taken.ok) throw new Error(taken.error);
    await soon();
    const { verdicts } = judgeAll(readings, taken.value.policy, systemClock.now());
    say(`own:${verdicts.find(({ check }) => check.startsWith('expression:'))?.level ?? 'none'}`);
  }
}

void main(given as Given);
