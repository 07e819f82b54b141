import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import type { Result } from '../../base/result.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Refused } from '../administer.ts';
import { HttpProblem, problem, type App } from '../http.ts';
import type { Store } from '../store/store.ts';
import {
  acceptOn,
  changeRolloutBy,
  requestRollout,
  ROLLOUT_CHANGES,
  rolloutRequest,
} from './rollout-requests.ts';
import {
  eventList,
  knownServer,
  knownServers,
  l2tpEvent,
  rolloutDocument,
  rolloutList,
  rolloutReport,
  rolloutSummary,
} from './rollout-view.ts';

export type RolloutRouteParts = {
  store: Store;
  clock: Clock;
  policy(): Policy;
  changed(device: string): Promise<void>;
  /** Throws the problem that a refusal is. */
  granted<T>(result: Result<T, Refused>): T;
};

const idParams = z.object({ id: z.uuid() });
const limit = z.coerce.number().int().min(1).max(1_000).default(100);
const made = z.object({ id: z.string() });

/** L2TP servers of many devices: rollouts, the baseline, events. */
export function addRolloutRoutes(app: App, parts: RolloutRouteParts): void {
  const { store, clock, policy, changed, granted } = parts;
  const by = () => ({ actor: 'admin', now: clock.now() });
  const base = '/v1/l2tp-server';
  const creating = { body: rolloutRequest, response: { 200: made, 404: problem } };
  app.post(`${base}/rollouts`, { schema: creating, bodyLimit: 1024 * 1024 }, async ({ body }) => {
    return { id: granted(await store.write((db) => requestRollout(db, body, policy(), by()))) };
  });
  const changing = {
    params: idParams,
    body: z.strictObject({ retry: z.boolean().default(false) }),
    response: { 200: z.object({}), 404: problem, 409: problem },
  };
  for (const change of ROLLOUT_CHANGES)
    app.post(`${base}/rollouts/:id/${change}`, { schema: changing }, async ({ params, body }) => {
      granted(await store.write((db) => changeRolloutBy(db, params.id, change, { ...by(), ...body })));
      return {};
    });
  const accepting = { params: idParams, response: { 200: z.object({ accepted: z.number() }), 404: problem } };
  app.post(`${base}/devices/:id/accept`, { schema: accepting }, async ({ params: { id } }) => {
    const accepted = granted(await store.write((db) => acceptOn(db, id, by())));
    await changed(id);
    return { accepted };
  });
  addReading(app, parts, base);
}

function addReading(app: App, { store }: RolloutRouteParts, base: string): void {
  const listing = { querystring: z.object({ limit }), response: { 200: z.array(rolloutSummary) } };
  app.get(`${base}/rollouts`, { schema: listing }, ({ query }) =>
    store.read((db) => rolloutList(db, query.limit)),
  );
  const one = { params: idParams, response: { 200: rolloutDocument, 404: problem } };
  app.get(`${base}/rollouts/:id`, { schema: one }, async ({ params: { id } }) => {
    const found = await store.read((db) => rolloutReport(db, id));
    if (found === null) throw new HttpProblem(404, 'not_found', `There is no rollout ${id}.`);
    return found;
  });
  const servers = { response: { 200: z.array(knownServer) } };
  app.get(`${base}/servers`, { schema: servers }, () => store.read(knownServers));
  const events = {
    querystring: z.object({ device: z.uuid().optional(), limit }),
    response: { 200: z.array(l2tpEvent) },
  };
  app.get(`${base}/events`, { schema: events }, ({ query }) =>
    store.read((db) => eventList(db, query.device ?? null, query.limit)),
  );
}
