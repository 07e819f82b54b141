import { isDeepStrictEqual } from 'node:util';
import { judgeDue } from './rejudge.ts';
import type { Services } from './services.ts';
import type { InForce } from './standing.ts';

/**
 * Puts another policy or baseline in force: every device is judged by it, and then given it: whom the breaker holds
 * must not cut itself off.
 */
export async function putInForce(services: Services, change: () => Promise<InForce>): Promise<void> {
  const { standing, connections, fleet, judging } = services;
  const before = standing.inForce();
  const after = await change();
  if (after.version === before.version) return;
  const told = new Map([...fleet.all()].map(({ id, compiled }) => [id, compiled.revision]));
  for (const state of fleet.all()) fleet.put({ ...state, dueAt: 0 });
  await judgeDue(judging);
  const sameRhythm = isDeepStrictEqual(before.policy.heartbeat, after.policy.heartbeat);
  for (const live of connections.all()) {
    const state = fleet.peek(live.device);
    // The rhythm is told once a connection; in the old one a device would seem silent.
    if (!sameRhythm || state === undefined) live.drop();
    // Where judging has found news for the device's own policy, it has been sent already.
    else if (told.get(state.id) === state.compiled.revision)
      live.send({ t: 'policy', jws: await standing.sealFor(state) });
  }
}
