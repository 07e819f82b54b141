import { z } from 'zod';
import { hashSecret } from '../wire/token.ts';
import { normalAddress } from './addresses.ts';
import { requireAdmin } from './bearer.ts';
import { problem, type App } from './http.ts';
import { sessionDocument, sessionDocumentOf } from './session-document.ts';
import { listSessions } from './store/sessions.ts';
import type { Store } from './store/store.ts';

const LIMIT = 1_000;

/** What to look for; every field narrows. Without `at`, sessions that are up; with it, those that were up then. */
export const sessionQuery = z.object({
  device: z.uuid().optional(),
  user: z.string().max(253).optional(),
  /** Inside the VPN or outside. */
  address: z
    .string()
    .max(60)
    .transform((text, context) => {
      const address = normalAddress(text);
      if (address === null) context.addIssue('has to be an IP address');
      return address ?? '';
    })
    .optional(),
  at: z.iso.datetime({ offset: true }).optional(),
  /** `true`: also those that have ended. */
  ended: z.enum(['true', 'false']).default('false'),
});

/** `GET /v1/sessions`, for administrators: which device and user had an address at a time. */
export async function addSessionRoutes(
  app: App,
  { store, adminToken }: { store: Store; adminToken: string },
): Promise<void> {
  const adminHash = hashSecret(adminToken);
  await app.register(async (plain) => {
    const scope = plain.withTypeProvider() as unknown as App;
    scope.addHook('onRequest', async (request) => requireAdmin(request.raw, adminHash));
    const schema = {
      querystring: sessionQuery,
      response: { 200: z.array(sessionDocument), 400: problem },
    };
    scope.get('/v1/sessions', { schema }, async ({ query }) =>
      (await store.read((db) => listSessions(db, filterOf(query), LIMIT))).map(sessionDocumentOf),
    );
  });
}

export function filterOf({ device, user, address, at, ended }: z.output<typeof sessionQuery>) {
  const time = at === undefined ? undefined : Date.parse(at);
  return { device, user, address, at: time, open: time === undefined && ended === 'false' };
}
