import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import type { Fleet } from '../fleet.ts';
import { HttpProblem, problem, type App } from '../http.ts';
import { judgeChanged } from '../judge-changed.ts';
import type { JudgingParts } from '../rejudge.ts';
import type { Metrics } from '../metrics.ts';
import type { Store } from '../store/store.ts';
import { signalBody } from './signal.ts';
import { leaveSignal, severeSignal, takeSignal, type Outcome, type Told } from './take-signal.ts';
import { openWebhook, takeBytes, type WebhookSources } from './webhook-door.ts';
import { whoseSignal } from './whose.ts';

export type SignalParts = {
  store: Store;
  clock: Clock;
  fleet: Fleet;
  metrics: Metrics;
  judging: JudgingParts;
  sources: WebhookSources;
};

const PER_MINUTE = 6_000;

const outcome = z.object({
  outcome: z.enum(['taken', 'again', 'outdated', 'no_device', 'ambiguous_device']),
  device: z.string().nullable(),
});

/** `POST /v1/signals/:source`: what a security product found on a device, as a signed webhook. */
export async function addSignalRoutes(app: App, parts: SignalParts): Promise<void> {
  await app.register(async (plain) => {
    const scope = takeBytes(plain as unknown as App);
    const config = { rateLimit: { max: PER_MINUTE, timeWindow: '1 minute' } };
    const response = { 200: outcome, 400: problem, 401: problem, 404: problem };
    const schema = { params: z.object({ source: z.string().max(60) }), response };
    scope.post('/v1/signals/:source', { config, schema }, async (request) => {
      const told = readSignal(parts, request.params.source, request);
      const taken = await take(parts, told);
      parts.metrics.signalled(told.source, taken.outcome);
      return taken;
    });
  });
}

/** Throws `HttpProblem` for what is not signed by the source or is no signal. */
function readSignal(parts: SignalParts, source: string, request: Parameters<typeof openWebhook>[2]): Told {
  const { id, at: signedAt, body } = openWebhook({ ...parts, setting: 'signals' }, source, request);
  const parsed = signalBody.safeParse(body);
  if (!parsed.success) throw new HttpProblem(400, 'malformed', z.prettifyError(parsed.error).slice(0, 500));
  const { signal, at } = parsed.data;
  return { source, webhook: id, signal, at: at ?? signedAt };
}

/** Stored, judged and told in one go: what is severe must not wait for the device's next report. */
async function take(
  { store, clock, fleet, judging }: SignalParts,
  told: Told,
): Promise<{ outcome: Outcome; device: string | null }> {
  const whose = whoseSignal(fleet.all(), told.signal.device);
  if (typeof whose === 'string') {
    return { outcome: await store.write((db) => leaveSignal(db, told, whose, clock.now())), device: null };
  }
  let result: Outcome = 'no_device';
  const isLive = await judgeChanged(judging, whose.id, async (db, state) => {
    result = await takeSignal(db, told, state.id, clock.now());
    return { ...state, signal: await severeSignal(db, state.id) };
  });
  return { outcome: result, device: isLive ? whose.id : null };
}
