import { z } from 'zod';
import { parseJson } from '../../base/json.ts';
import type { Clock } from '../../base/clock.ts';
import type { Fleet } from '../fleet.ts';
import { HttpProblem, problem, type App } from '../http.ts';
import { judgeChanged } from '../judge-changed.ts';
import type { JudgingParts } from '../rejudge.ts';
import type { Metrics } from '../metrics.ts';
import type { Store } from '../store/store.ts';
import { signalBody } from './signal.ts';
import { leaveSignal, severeSignal, takeSignal, type Outcome, type Told } from './take-signal.ts';
import { verifyWebhook, type WebhookProblem } from './webhook.ts';
import { whoseSignal } from './whose.ts';

/** The secrets of each source that may send signals. */
export type SignalSources = ReadonlyMap<string, readonly Buffer[]>;

export type SignalParts = {
  store: Store;
  clock: Clock;
  fleet: Fleet;
  metrics: Metrics;
  judging: JudgingParts;
  sources: SignalSources;
};

/** Standard Webhooks asks for less than this. */
const MAX_BODY = 20_480;
const PER_MINUTE = 6_000;

const outcome = z.object({
  outcome: z.enum(['taken', 'again', 'outdated', 'no_device', 'ambiguous_device']),
  device: z.string().nullable(),
});

const HINTS: Record<WebhookProblem, string> = {
  unsigned: 'Send webhook-id, webhook-timestamp and webhook-signature as Standard Webhooks has them.',
  outside_window: 'webhook-timestamp is more than five minutes off; set the sender’s clock, and sign again.',
  wrong_signature: 'The signature was not made with this source’s secret over the body as it was sent.',
};

/** `POST /v1/signals/:source`: what a security product found on a device, as a signed webhook. */
export async function addSignalRoutes(app: App, parts: SignalParts): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    const options = { parseAs: 'buffer' as const, bodyLimit: MAX_BODY };
    scope.addContentTypeParser('*', options, (_request, body, done) => done(null, body));
    const config = { rateLimit: { max: PER_MINUTE, timeWindow: '1 minute' } };
    const response = { 200: outcome, 400: problem, 401: problem, 404: problem };
    const schema = { params: z.object({ source: z.string().max(60) }), response };
    (scope.withTypeProvider() as unknown as App).post(
      '/v1/signals/:source',
      { config, schema },
      async (request) => {
        const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const told = openWebhook(parts, request.params.source, request.headers, bytes);
        const taken = await take(parts, told);
        parts.metrics.signalled(told.source, taken.outcome);
        return taken;
      },
    );
  });
}

type Headers = Record<string, string | string[] | undefined>;

/** Throws `HttpProblem` for what is not signed by the source or is no signal. */
function openWebhook({ sources, clock }: SignalParts, source: string, headers: Headers, body: Buffer): Told {
  const secrets = sources.get(source);
  if (secrets === undefined) {
    throw new HttpProblem(404, 'not_found', 'The settings name no such source of signals (signals).');
  }
  const header = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined);
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header);
  const webhook = verifyWebhook({ id, timestamp, signature }, body, secrets, clock.now());
  if (!webhook.ok) throw new HttpProblem(401, webhook.error, HINTS[webhook.error]);
  const parsed = signalBody.safeParse(parseJson(body.toString('utf8')));
  if (!parsed.success) throw new HttpProblem(400, 'malformed', z.prettifyError(parsed.error).slice(0, 500));
  const { signal, at } = parsed.data;
  return { source, webhook: webhook.value.id, signal, at: at ?? webhook.value.timestamp };
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
