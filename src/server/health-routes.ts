import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { App } from './http.ts';
import type { Metrics } from './metrics.ts';
import { noteHealth } from './store/meta.ts';
import type { Store } from './store/store.ts';

/** For how long an answer serves everybody who asks. */
const FRESH_MS = 1_000;

const health = z.object({ status: z.enum(['ok', 'store_unavailable']) });

/** What monitoring asks, without a credential: `/healthz`, `/metrics` and the API's own description. */
export function addHealthRoutes(
  app: App,
  { store, clock, metrics }: { store: Store; clock: Clock; metrics: Metrics },
) {
  const canWrite = writeCheck(store, clock);
  app.get('/healthz', { schema: { response: { 200: health, 503: health } } }, async (_request, reply) => {
    if (await canWrite()) return { status: 'ok' as const };
    return reply.status(503).send({ status: 'store_unavailable' as const });
  });
  app.get('/metrics', { schema: { hide: true } as object }, async (_request, reply) => {
    void reply.header('content-type', metrics.contentType);
    return metrics.text();
  });
  app.get('/v1/openapi.json', { schema: { hide: true } as object }, async () => app.swagger());
}

/** Whether the store takes a row now. A server that can only read is not healthy: it may acknowledge nothing. */
function writeCheck(store: Store, clock: Clock): () => Promise<boolean> {
  let asked = -Infinity;
  let answer: Promise<boolean> = Promise.resolve(true);
  return () => {
    if (clock.monotonic() - asked < FRESH_MS) return answer;
    asked = clock.monotonic();
    answer = store
      .write((db) => noteHealth(db, clock.now()))
      .then(
        () => true,
        () => false,
      );
    return answer;
  };
}
