import { iso } from '../base/clock.ts';
import { createGateway, createToken, revokeCredential } from '../server/administer.ts';
import { pathsIn } from '../server/data-folder.ts';
import { loadSigningKeys } from '../server/signing-keys.ts';
import type { GatewayRow, TokenRow } from '../server/store/tables.ts';
import { listGateways, listTokens } from '../server/store/tokens.ts';
import { DAY_MS, durationMs } from './duration.ts';
import { complain, say, sayJson, table } from './present.ts';
import { withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

export type TokenOptions = ServerOptions & {
  uses: number;
  valid: string;
  approval?: boolean;
  note: string;
  gateway?: string;
};

const MAX_VALID_MS = 366 * DAY_MS;

const by = () => ({ actor: 'cli', now: Date.now() });

export async function createCommand(options: TokenOptions): Promise<number> {
  return options.gateway === undefined ? deviceToken(options) : gatewayCredential(options, options.gateway);
}

async function deviceToken(options: TokenOptions): Promise<number> {
  const { uses, note, approval = false } = options;
  if (!Number.isInteger(uses) || uses < 1) throw new UsageError('--uses has to be a whole number from 1 up.');
  const wanted = { uses, note, approval, validMs: durationMs(options.valid, '--valid', MAX_VALID_MS) };
  const made = await withStore(options, async (store, config) => {
    const { root } = await loadSigningKeys(pathsIn(config.dataDir));
    return store.write((db) => createToken(db, wanted, root.kid, by()));
  });
  if (options.json) {
    sayJson({ ...made, expiresAt: iso(made.expiresAt) });
    return 0;
  }
  say(made.token);
  complain(
    `For ${uses === 1 ? 'one device' : `${uses} devices`}, until ${iso(made.expiresAt)}. It is shown only now.`,
  );
  return 0;
}

async function gatewayCredential(options: TokenOptions, name: string): Promise<number> {
  const made = await withStore(options, (store) => store.write((db) => createGateway(db, name, by())));
  if (!made.ok) throw new UsageError(made.error.hint);
  if (options.json) sayJson({ name, ...made.value });
  else {
    say(made.value.credential);
    complain(`For the gateway "${name}": send it as "Authorization: Bearer …". It is shown only now.`);
  }
  return 0;
}

export async function listCommand(options: ServerOptions): Promise<number> {
  const rows = await withStore(options, async (store) => {
    const tokens = (await store.read(listTokens)).map(tokenView);
    const gateways = (await store.read(listGateways)).map(gatewayView);
    return [...tokens, ...gateways];
  });
  if (options.json) sayJson(rows);
  else if (rows.length === 0) say('No tokens yet. Make one: drawbridge-server token create');
  else {
    const head = ['Name', 'Kind', 'State', 'Uses left', 'Until', 'Note'];
    const cells = rows.map((row) => [
      row.name,
      row.kind,
      row.state,
      String(row.usesLeft ?? ''),
      row.expiresAt ?? '',
      row.note,
    ]);
    say(await table(head, cells));
  }
  return 0;
}

function tokenView(token: TokenRow) {
  const { id: name, kind, uses_left: usesLeft, note } = token;
  return { name, kind, state: stateOf(token), usesLeft, expiresAt: iso(token.expires_at), note };
}

function gatewayView({ name, revoked_at }: GatewayRow) {
  return {
    name,
    kind: 'gateway',
    state: revoked_at === null ? 'good' : 'revoked',
    usesLeft: null,
    expiresAt: null,
    note: '',
  };
}

function stateOf({ revoked_at, expires_at, uses_left }: TokenRow): string {
  if (revoked_at !== null) return 'revoked';
  if (expires_at <= Date.now()) return 'expired';
  return uses_left > 0 ? 'good' : 'used';
}

export async function revokeCommand(name: string, options: ServerOptions): Promise<number> {
  const done = await withStore(options, (store) => store.write((db) => revokeCredential(db, name, by())));
  if (!done.ok) throw new UsageError(done.error.hint);
  if (options.json) sayJson({ revoked: name });
  else say(`${name} is worth nothing any more. Devices that enrolled with it stay.`);
  return 0;
}
