import { env, getent, runuser, type Command } from '../base/commands.ts';
import { run, type Output, type RunOptions } from '../base/exec.ts';

type Account = { uid: number; home: string };

/** What POSIX and the usual directory services allow in an account's name; never a leading dash. */
const ACCOUNT_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,255}$/;

/**
 * Runs a program as a logged-in user with that session's bus and folders, and nothing else of its environment.
 * `denied` when we may not become that user, `not-found` when there is none of that name.
 */
export async function runAs(
  user: string,
  command: Command,
  argv: readonly string[],
  options: RunOptions,
): Promise<Output> {
  const account = ACCOUNT_NAME.test(user) ? await accountOf(user, options) : null;
  if (!account) return failed('not-found');
  const session = [command.path, ...argv];
  const own = process.getuid?.();
  if (own === account.uid) return run(env, [...variables(user, account), ...session], options);
  if (own !== 0) return failed('denied');
  return run(runuser, ['-u', user, '--', env.path, ...variables(user, account), ...session], options);
}

/** Name service, not /etc/passwd: an account may live in a directory (sssd, LDAP). */
async function accountOf(user: string, { signal }: RunOptions): Promise<Account | null> {
  const answer = await run(getent, ['passwd', user], { timeoutMs: 5_000, ...(signal ? { signal } : {}) });
  return parseAccount(answer.stdout);
}

/** One line of passwd(5), or null. */
export function parseAccount(line: string): Account | null {
  const [, , uid = '', , , home = ''] = line.trim().split(':');
  return /^\d{1,10}$/.test(uid) && home.startsWith('/') ? { uid: Number(uid), home } : null;
}

function variables(user: string, { uid, home }: Account): string[] {
  const runtime = `/run/user/${uid}`;
  return [
    `HOME=${home}`,
    `USER=${user}`,
    `LOGNAME=${user}`,
    `XDG_RUNTIME_DIR=${runtime}`,
    `DBUS_SESSION_BUS_ADDRESS=unix:path=${runtime}/bus`,
  ];
}

function failed(failure: 'denied' | 'not-found'): Output {
  return { stdout: '', stderr: '', code: null, failure };
}
