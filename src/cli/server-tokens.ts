import { readFile } from 'node:fs/promises';
import { messageOf } from '../base/errors.ts';
import { iso } from '../base/clock.ts';
import { createGateway, createToken, hashSerials, revokeCredential } from '../server/administer.ts';
import { pathsIn } from '../server/data-folder.ts';
import { loadSigningKeys } from '../server/signing-keys.ts';
import type { GatewayRow, TokenRow } from '../server/store/tables.ts';
import type { Store } from '../server/store/store.ts';
import { listGateways, listTokens } from '../server/store/tokens.ts';
import { DAY_MS, durationMs } from './duration.ts';
import { asJson, complain, deliver, say, sayJson, table } from './present.ts';
import { withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

export type TokenOptions = ServerOptions & {
  uses: number;
  valid: string;
  approval?: boolean;
  note: string;
  gateway?: string;
  serials?: string;
};

const MAX_VALID_MS = 366 * DAY_MS;

const by = () => ({ actor: 'cli', now: Date.now() });

export async function createCommand(options: TokenOptions): Promise<number> {
  return options.gateway === undefined ? deviceToken(options) : gatewayCredential(options, options.gateway);
}

async function deviceToken(options: TokenOptions): Promise<number> {
  const { uses, note, approval = false } = options;
  if (!Number.isInteger(uses) || uses < 1) throw new UsageError('--uses has to be a whole number from 1 up.');
  const hardware = options.serials === undefined ? null : await readSerials(options.serials);
  const validMs = durationMs(options.valid, '--valid', MAX_VALID_MS);
  const wanted = { uses, note, approval, hardware, validMs };
  return withStore(options, async (store, config) => {
    const { root } = await loadSigningKeys(pathsIn(config.dataDir));
    const made = await store.write((db) => createToken(db, wanted, root.kid, by()));
    const until = iso(made.expiresAt);
    const text = options.json ? asJson({ ...made, expiresAt: until }) : made.token;
    await handOver(store, { name: made.id, text });
    if (!options.json) complain(`For ${whom(uses, hardware)}, until ${until}. It is shown only now.`);
    return 0;
  });
}

function whom(uses: number, hardware: readonly string[] | null): string {
  const devices = uses === 1 ? 'one device' : `${uses} devices`;
  return hardware === null ? devices : `${devices} of the ${hardware.length} computers listed`;
}

const MAX_SERIALS_BYTES = 1_024 * 1_024;

/** One serial number a line; what follows a # is for people. */
async function readSerials(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--serials ${file} cannot be read (${messageOf(error)}).`);
  });
  if (text.length > MAX_SERIALS_BYTES) throw new UsageError(`--serials ${file} is larger than a megabyte.`);
  const serials = text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
  if (serials.length === 0) throw new UsageError(`--serials ${file} lists nothing.`);
  const hashed = hashSerials(serials);
  if (!hashed.ok) throw new UsageError(`--serials ${file}: ${hashed.error.hint}`);
  return hashed.value;
}

/** Nobody has what could not be written, so it is worth nothing either. */
async function handOver(store: Store, { name, text }: { name: string; text: string }): Promise<void> {
  try {
    await deliver(text);
  } catch (error) {
    await store.write((db) => revokeCredential(db, name, by()));
    const detail = messageOf(error);
    throw new UsageError(
      `Standard output cannot be written (${detail}); ${name} was revoked. Make another one.`,
    );
  }
}

async function gatewayCredential(options: TokenOptions, name: string): Promise<number> {
  return withStore(options, async (store) => {
    const made = await store.write((db) => createGateway(db, name, by()));
    if (!made.ok) throw new UsageError(made.error.hint);
    const text = options.json ? asJson({ name, ...made.value }) : made.value.credential;
    await handOver(store, { name, text });
    if (!options.json)
      complain(`For the gateway "${name}": send it as "Authorization: Bearer …". It is shown only now.`);
    return 0;
  });
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
    const head = ['Name', 'Kind', 'State', 'Uses left', 'Until', 'For', 'Note'];
    const cells = rows.map((row) => [
      row.name,
      row.kind,
      row.state,
      String(row.usesLeft ?? ''),
      row.expiresAt ?? '',
      [row.computers === null ? '' : `${row.computers} listed`, row.approval ? 'approval' : '']
        .filter((word) => word !== '')
        .join(', '),
      row.note,
    ]);
    say(await table(head, cells));
  }
  return 0;
}

function tokenView(token: TokenRow) {
  const { id: name, kind, uses_left: usesLeft, note } = token;
  const computers = token.hardware === null ? null : (JSON.parse(token.hardware) as string[]).length;
  const approval = token.approval === 1;
  return {
    name,
    kind,
    state: stateOf(token),
    usesLeft,
    expiresAt: iso(token.expires_at),
    approval,
    computers,
    note,
  };
}

function gatewayView({ name, revoked_at }: GatewayRow) {
  return {
    name,
    kind: 'gateway',
    state: revoked_at === null ? 'good' : 'revoked',
    usesLeft: null,
    expiresAt: null,
    approval: false,
    computers: null,
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
