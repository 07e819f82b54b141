import { putInForce } from './put-in-force.ts';
import type { Services } from './services.ts';
import { baselineStamp, findBaseline } from './store/baselines.ts';

const LOOK_MS = 2_000;

/** Takes a baseline that a command has imported beside us, until `signal` aborts. */
export async function watchBaseline(services: Services, signal: AbortSignal): Promise<void> {
  const { clock, store, log } = services;
  let seen = await store.read(baselineStamp).catch(() => null);
  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const now = await store.read(baselineStamp);
      if (now !== seen) await takeBaseline(services);
      seen = now;
    } catch (error) {
      log.warn({ err: error }, 'baseline not read');
    }
  }
}

async function takeBaseline(services: Services): Promise<void> {
  const { store, standing, log } = services;
  const stored = await store.read(findBaseline);
  if (stored === null) return;
  await putInForce(services, () => standing.refer(stored.baseline));
  log.info({ date: stored.baseline.date, signer: stored.signer }, 'baseline in force');
}
