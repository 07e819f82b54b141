import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { showProblems } from '../base/settings.ts';
import { parsePolicy } from '../policy/policy-text.ts';
import type { Fleet } from './fleet.ts';
import { HttpProblem, problem, type App } from './http.ts';
import type { Judging } from './judge-device.ts';
import { named } from './standing.ts';
import { tried, tryPolicy } from './try-policy.ts';

export type PolicyRouteParts = { fleet: Fleet; clock: Clock; terms: () => Judging };

/** A policy's text as it stands in the file. */
const tryRequest = z.object({ policy: z.string().max(1024 * 1024) });

/** What an administrator may ask about policies that are not in force. */
export function addPolicyRoutes(app: App, { fleet, clock, terms }: PolicyRouteParts): void {
  const schema = { body: tryRequest, response: { 200: tried, 400: problem } };
  app.post('/v1/policy/try', { schema, bodyLimit: 2 * 1024 * 1024 }, async ({ body }) => {
    const parsed = parsePolicy(body.policy);
    if (!parsed.ok) throw new HttpProblem(400, 'malformed', showProblems('policy', parsed.error));
    const inForce = terms();
    const next = named(parsed.value, inForce.policy.baseline ?? null);
    return tryPolicy([...fleet.all()], { ...inForce, ...next }, clock.now());
  });
}
