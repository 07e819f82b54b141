import type { Result } from '../base/result.ts';
import { challengeRequest, jwsBody, rotateRequest } from '../wire/enrolment.ts';
import { MAX_FRAME, linkRequest, linkResponse } from '../wire/frames.ts';
import type { Refusal } from '../wire/refusal.ts';
import type { AddressReader } from './addresses.ts';
import type { Enrolment } from './enrol.ts';
import { HttpProblem, type App } from './http.ts';
import type { LongPoll } from './long-poll.ts';
import type { Metrics } from './metrics.ts';

/** New keys for a device; `remote` is for the audit record. */
export type RotateKeys = (
  given: { old: string; new: string },
  remote: string,
) => Promise<Result<string, Refusal>>;

export type DeviceRouteParts = {
  remoteOf: AddressReader;
  enrolment: Enrolment;
  rotateKeys: RotateKeys;
  longPoll: LongPoll;
  metrics: Metrics;
  enrolmentsPerMinute: number;
};

/** What devices ask over HTTPS: enrolment, and the link where WebSocket does not get through. */
export function addDeviceRoutes(app: App, parts: DeviceRouteParts): void {
  addEnrolmentRoutes(app, parts);
  addLinkRoute(app, parts);
}

function addEnrolmentRoutes(
  app: App,
  { remoteOf, enrolment, rotateKeys, metrics, enrolmentsPerMinute }: DeviceRouteParts,
): void {
  const config = { rateLimit: { max: enrolmentsPerMinute, timeWindow: '1 minute' } };
  const granted = (answer: Result<string, Refusal>) => {
    if (answer.ok) return { jws: answer.value };
    metrics.refused(answer.error);
    throw new HttpProblem(statusOf(answer.error), answer.error);
  };
  app.post(
    '/v1/enroll/challenge',
    { config, schema: { body: challengeRequest, response: { 200: jwsBody } } },
    async (request) => ({ jws: await enrolment.challenge(request.body.nonce) }),
  );
  app.post(
    '/v1/enroll',
    { config, schema: { body: jwsBody, response: { 200: jwsBody } } },
    async (request) => {
      return granted(await enrolment.enrol(request.body.jws, remoteOf(request.raw)));
    },
  );
  app.post(
    '/v1/keys',
    { config, schema: { body: rotateRequest, response: { 200: jwsBody } } },
    async (request) => granted(await rotateKeys(request.body, remoteOf(request.raw))),
  );
}

function addLinkRoute(app: App, { remoteOf, longPoll }: DeviceRouteParts): void {
  const bodyLimit = 4 * MAX_FRAME;
  // A whole office behind one address polls.
  const config = { rateLimit: { max: 6_000, timeWindow: '1 minute' } };
  app.post(
    '/v1/link',
    { bodyLimit, config, schema: { body: linkRequest, response: { 200: linkResponse } } },
    async (request) => {
      const { link, frames } = request.body;
      const answer = await longPoll.exchange(remoteOf(request.raw), link, frames);
      if (answer !== null) return answer;
      throw link === null ? new HttpProblem(503, 'rate_limited') : new HttpProblem(404, 'no_session');
    },
  );
}

function statusOf(code: Refusal): number {
  if (code === 'store_unavailable') return 503;
  return code === 'malformed' || code === 'wrong_type' ? 400 : 403;
}
