import { sessionDocument, sessionDocumentOf, type SessionDocument } from '../server/session-document.ts';
import { filterOf, sessionQuery } from '../server/session-routes.ts';
import { listSessions } from '../server/store/sessions.ts';
import { say, sayJson, table } from './present.ts';
import { withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

export type SessionOptions = ServerOptions & {
  address?: string;
  at?: string;
  device?: string;
  user?: string;
  ended?: boolean;
};

const LIMIT = 1_000;

/** VPN sessions as they are on record; a running server need not be asked. */
export async function sessionsCommand(options: SessionOptions): Promise<number> {
  const filter = filterOf(queryOf(options));
  const sessions = await withStore(options, async (store) =>
    (await store.read((db) => listSessions(db, filter, LIMIT))).map(sessionDocumentOf),
  );
  if (options.json) sayJson(sessionDocument.array().parse(sessions));
  else if (sessions.length === 0) say(nothing(options));
  else
    say(
      await table(
        ['Address', 'User', 'Device', 'From', 'NAS', 'Access', 'Since', 'Until', 'In', 'Out'],
        sessions.map(rowOf),
      ),
    );
  return 0;
}

function queryOf({ address, at, device, user, ended }: SessionOptions) {
  const given = { address, at, device, user, ended: ended === true ? 'true' : 'false' };
  const parsed = sessionQuery.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`--${String(issue?.path[0] ?? 'option')}: ${issue?.message ?? 'is wrong'}`);
}

function nothing({ address, at, device, user, ended }: SessionOptions): string {
  const asked = address ?? at ?? device ?? user;
  if (asked !== undefined || ended === true) return 'There is no such session on record.';
  return 'No session is up, as far as gateways have told; they do so by RADIUS accounting.';
}

function rowOf(session: SessionDocument): string[] {
  const { framedAddress, user, device, address, nas, access, startedAt, endedAt, cause } = session;
  return [
    framedAddress ?? '',
    user,
    device ?? 'unknown',
    address ?? '',
    nas,
    access ?? 'unknown',
    startedAt,
    endedAt === null ? 'up' : `${endedAt} (${cause ?? 'ended'})`,
    mebibytes(session.bytesIn),
    mebibytes(session.bytesOut),
  ];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
