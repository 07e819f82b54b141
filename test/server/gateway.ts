// A gateway for tests: its own credential, and what FreeRADIUS would ask and tell with it.
import { createGateway } from '../../src/server/administer.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { exchange, type Answer, type Target } from './test-agent.ts';

/** A new credential, made in the server's database. */
export async function gatewayCredential(database: string, name = 'radius-1'): Promise<string> {
  const store = await openSqlite(database);
  const made = await store.write((db) => createGateway(db, name, { actor: 'test', now: Date.now() }));
  await store.close();
  if (!made.ok) throw new Error(made.error.hint);
  return made.value.credential;
}

type Reply = Record<string, { value: (string | number)[] } | undefined>;

export type Gateway = {
  /** What a login is answered, by attribute, with its first values. */
  login(user: string, more?: Record<string, string>): Promise<Record<string, string | number>>;
  /** Sends an accounting record; attributes in FreeRADIUS' names. */
  account(attributes: Record<string, string | number>): Promise<Answer>;
  tell(event: object): Promise<Answer>;
  ask(path: string, body: string): Promise<Answer>;
};

/** `target` is asked anew each time: a server that restarts has another port. */
export function gatewayWith(target: () => Target, credential: string): Gateway {
  const ask = (path: string, body: string) =>
    exchange(target(), 'POST', path, Buffer.from(body), {
      'content-type': 'application/json',
      ...(credential === '' ? {} : { authorization: `Bearer ${credential}` }),
    });
  return {
    ask,
    async login(user, more = {}) {
      const fields = { user_name: user, calling_station_id: '127.0.0.1', nas_identifier: 'lns-1', ...more };
      const { status, body } = await ask('/v1/radius/post-auth', JSON.stringify(fields));
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
      return Object.fromEntries(
        Object.entries(body as Reply).map(([name, attribute]) => [name, attribute?.value[0] ?? '']),
      );
    },
    account(attributes) {
      const fields = Object.entries({ 'NAS-Identifier': 'lns-1', ...attributes });
      const stock = fields.map(([name, value]) => [name, { type: 'string', value: [value] }]);
      return ask('/v1/radius/accounting', JSON.stringify(Object.fromEntries(stock)));
    },
    tell: (event) => ask('/v1/gateway/identity', JSON.stringify(event)),
  };
}

/** The access that an answer grants. */
export const accessIn = (answer: Record<string, string | number>) => answer['control:Tmp-String-0'];
