import { gsettings } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import type { UserLock } from './linux-lock.ts';

/** Where a desktop of the GNOME family keeps its lock settings. */
type Schemas = { screensaver: string; session: string; lockdown: string };

const GNOME: Schemas = {
  screensaver: 'org.gnome.desktop.screensaver',
  session: 'org.gnome.desktop.session',
  lockdown: 'org.gnome.desktop.lockdown',
};

const CINNAMON: Schemas = {
  screensaver: 'org.cinnamon.desktop.screensaver',
  session: 'org.cinnamon.desktop.session',
  lockdown: 'org.cinnamon.desktop.lockdown',
};

export const readGnome = (host: Host, user: string) => readSchemas(host, user, GNOME);
export const readCinnamon = (host: Host, user: string) => readSchemas(host, user, CINNAMON);

/** Null when gsettings does not answer for this user. Only the user's own view has their changes and the locks on them. */
async function readSchemas(host: Host, user: string, schemas: Schemas): Promise<UserLock | null> {
  const ask = (verb: 'get' | 'writable', schema: string, key: string) =>
    askAs(host, user, [verb, schema, key]);
  const lock = parseBoolean(await ask('get', schemas.screensaver, 'lock-enabled'));
  if (lock === null) return null;
  const [delay, idle, disabled, writable] = await Promise.all([
    ask('get', schemas.screensaver, 'lock-delay'),
    ask('get', schemas.session, 'idle-delay'),
    ask('get', schemas.lockdown, 'disable-lock-screen'),
    Promise.all([
      ask('writable', schemas.screensaver, 'lock-enabled'),
      ask('writable', schemas.session, 'idle-delay'),
    ]),
  ]);
  return {
    enabled: lock && parseBoolean(disabled) !== true,
    delaySeconds: parseSeconds(delay),
    idleSeconds: parseSeconds(idle),
    enforced: enforcedBy(writable.map(parseBoolean)),
  };
}

async function askAs(host: Host, user: string, argv: readonly string[]): Promise<string | null> {
  const { code, stdout } = await host.run(gsettings, argv, { as: user, timeoutMs: 5_000 });
  return code === 0 ? stdout : null;
}

/** A key is set by policy when its owner cannot write it. */
function enforcedBy(writable: readonly (boolean | null)[]): boolean | null {
  if (writable.includes(null)) return null;
  return writable.every((one) => one === false);
}

/** GVariant text: `true`, `false`. */
export function parseBoolean(text: string | null): boolean | null {
  const word = text?.trim();
  return word === 'true' ? true : word === 'false' ? false : null;
}

/** GVariant text: `uint32 300`, or a plain number where the type is the default one. */
export function parseSeconds(text: string | null): number | null {
  const digits = /^(?:uint32 )?(\d{1,10})$/.exec(text?.trim() ?? '')?.[1];
  return digits === undefined ? null : Number(digits);
}
