import type { Platform } from '../../collectors/check.ts';
import { dscacheutil, env, getent, launchctl, runuser, sudo, type Command } from '../base/commands.ts';
import { run, type Output, type RunOptions } from '../base/exec.ts';

export type Account = { name: string; uid: number; home: string };

/** What POSIX and the usual directory services allow in an account's name; never a leading dash. */
const ACCOUNT_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,255}$/;

/** How a system tells who a user is, and how root becomes that user. */
type Way = {
  whois: Command;
  /** Arguments that make `whois` tell of one user. */
  whoisArgv(user: string): string[];
  parse(answer: string): Omit<Account, 'name'> | null;
  /** Variables of the user's session, for env(1). */
  variables(account: Account): string[];
  /** The program and arguments by which root starts `words` as that user. */
  become(account: Account, words: readonly string[]): { command: Command; argv: string[] };
};

const linux: Way = {
  whois: getent,
  // Name service, not /etc/passwd: an account may live in a directory (sssd, LDAP).
  whoisArgv: (user) => ['passwd', user],
  parse: parseAccount,
  variables(account) {
    const runtime = `/run/user/${account.uid}`;
    return [
      ...identity(account),
      `XDG_RUNTIME_DIR=${runtime}`,
      `DBUS_SESSION_BUS_ADDRESS=unix:path=${runtime}/bus`,
    ];
  },
  become: ({ name }, words) => ({ command: runuser, argv: ['-u', name, '--', ...words] }),
};

const macos: Way = {
  whois: dscacheutil,
  whoisArgv: (user) => ['-q', 'user', '-a', 'name', user],
  parse: parseDirectoryUser,
  variables: identity,
  // asuser enters the session (its preferences, its launchd), sudo changes the user; either alone does half of it.
  become: ({ name, uid }, words) => ({
    command: launchctl,
    argv: ['asuser', String(uid), sudo.path, '-n', '-u', name, '--', ...words],
  }),
};

/** Windows has no way without the user's password or token. */
const ways: Record<Platform, Way | null> = { linux, macos, windows: null };

/**
 * Runs a program as a logged-in user with that session's bus and folders, and nothing else of its environment.
 * `denied` when we may not become that user, `not-found` when there is none of that name.
 */
export async function runAs(
  platform: Platform,
  user: string,
  command: Command,
  argv: readonly string[],
  options: RunOptions,
): Promise<Output> {
  const way = ways[platform];
  if (way === null) return failed('denied');
  const account = ACCOUNT_NAME.test(user) ? await accountOf(way, user, options) : null;
  if (account === null) return failed('not-found');
  const own = process.getuid?.();
  if (own !== account.uid && own !== 0) return failed('denied');
  const started = startAs(platform, account, own === account.uid, [command.path, ...argv]);
  return started === null ? failed('denied') : run(started.command, started.argv, options);
}

/** What has to be started so that `words` run as the account's user, in that session's environment. */
export function startAs(
  platform: Platform,
  account: Account,
  isOwn: boolean,
  words: readonly string[],
): { command: Command; argv: string[] } | null {
  const way = ways[platform];
  if (way === null) return null;
  const inSession = [...way.variables(account), ...words];
  return isOwn ? { command: env, argv: inSession } : way.become(account, [env.path, ...inSession]);
}

async function accountOf(way: Way, user: string, { signal }: RunOptions): Promise<Account | null> {
  const limits = { timeoutMs: 5_000, ...(signal ? { signal } : {}) };
  const answer = await run(way.whois, way.whoisArgv(user), limits);
  const found = way.parse(answer.stdout);
  return found === null ? null : { name: user, ...found };
}

/** One line of passwd(5), or null. */
export function parseAccount(line: string): Omit<Account, 'name'> | null {
  const [, , uid = '', , , home = ''] = line.trim().split(':');
  return checked(uid, home);
}

/** `dscacheutil -q user`: one `key: value` a line; nothing at all for a name that nobody has. */
export function parseDirectoryUser(text: string): Omit<Account, 'name'> | null {
  const valueOf = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return checked(valueOf('uid'), valueOf('dir'));
}

function checked(uid: string, home: string): Omit<Account, 'name'> | null {
  return /^\d{1,10}$/.test(uid) && home.startsWith('/') ? { uid: Number(uid), home } : null;
}

function identity({ name, home }: Account): string[] {
  return [`HOME=${home}`, `USER=${name}`, `LOGNAME=${name}`];
}

function failed(failure: 'denied' | 'not-found'): Output {
  return { stdout: '', stderr: '', code: null, failure };
}
