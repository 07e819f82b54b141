import type { Clock } from '../../base/clock.ts';
import { parseJson } from '../../base/json.ts';
import { HttpProblem, type App } from '../http.ts';
import { verifyWebhook, type WebhookProblem } from './webhook.ts';

/** The secrets of each source that may send webhooks. */
export type WebhookSources = ReadonlyMap<string, readonly Buffer[]>;

/** What a source has said and signed. `at`: its timestamp, milliseconds. */
export type SignedWebhook = { source: string; id: string; at: number; body: unknown };

/** Standard Webhooks asks for less than this. */
const MAX_BODY = 20_480;

const HINTS: Record<WebhookProblem, string> = {
  unsigned: 'Send webhook-id, webhook-timestamp and webhook-signature as Standard Webhooks has them.',
  outside_window: 'webhook-timestamp is more than five minutes off; set the sender’s clock, and sign again.',
  wrong_signature: 'The signature was not made with this source’s secret over the body as it was sent.',
};

/** Has bodies reach the routes of `app` as the bytes that were signed. */
export function takeBytes(app: App): App {
  app.removeAllContentTypeParsers();
  const options = { parseAs: 'buffer' as const, bodyLimit: MAX_BODY };
  app.addContentTypeParser('*', options, (_request, body, done) => done(null, body));
  return app.withTypeProvider() as unknown as App;
}

type Headers = Record<string, string | string[] | undefined>;

/** Throws `HttpProblem` for what is not signed by the source; `setting` names where sources are made known. */
export function openWebhook(
  { sources, clock, setting }: { sources: WebhookSources; clock: Clock; setting: string },
  source: string,
  { headers, body }: { headers: Headers; body: unknown },
): SignedWebhook {
  const secrets = sources.get(source);
  if (secrets === undefined)
    throw new HttpProblem(404, 'not_found', `The settings name no such source (${setting}).`);
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const header = (name: string) => (typeof headers[name] === 'string' ? headers[name] : undefined);
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header);
  const webhook = verifyWebhook({ id, timestamp, signature }, bytes, secrets, clock.now());
  if (!webhook.ok) throw new HttpProblem(401, webhook.error, HINTS[webhook.error]);
  return {
    source,
    id: webhook.value.id,
    at: webhook.value.timestamp,
    body: parseJson(bytes.toString('utf8')),
  };
}
