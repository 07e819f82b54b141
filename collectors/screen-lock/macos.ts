import { defaults, pmset, scutil, sysadminctl } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { CommandOptions, Host } from '../check.ts';
import { readManaged, unanswered } from '../macos-read.ts';
import { parseScutil } from '../macos-scutil.ts';
import { at, flagOf, isDictionary, matchLine, numberOf, textOf } from '../macos-values.ts';
import type { Fact } from '../specs.ts';

type User = Fact<'screen-lock'>['users'][number];
type Lock = { enabled: boolean; delaySeconds: number | null };

const MAX_USERS = 50;

/** The answer is each user's own, so it is asked as everyone who is logged in at the screen. */
export async function read(host: Host): Promise<Observed<Fact<'screen-lock'>>> {
  const sessions = await readSessions(host);
  if (sessions?.length === 0) return unknown('not-applicable', 'Nobody is logged in at the screen.');
  if (!sessions && host.isRoot) return unknown('failed', 'scutil: the logged-in users could not be read');
  // Without root there is one user that can be asked: ourselves.
  const names: (string | null)[] = host.isRoot && sessions ? sessions.slice(0, MAX_USERS) : [null];
  const managed = await readManaged(host, 'com.apple.screensaver');
  const users: User[] = [];
  for (const name of names) {
    const answer = await readUser(host, name, managed);
    if (answer.state === 'unknown') return answer;
    users.push({ ...answer.fact, session: name ?? sessions?.[0] ?? 'console' });
  }
  return known({ users });
}

/** Null when the list cannot be had; empty when the screen shows the login window. */
async function readSessions(host: Host): Promise<string[] | null> {
  const question = 'show State:/Users/ConsoleUser';
  // The tool takes its last line with or without an end, and recordings hold either.
  for (const stdin of [`${question}\n`, question]) {
    const answer = await host.run(scutil, [], { stdin });
    if (answer.code === 0) return parseConsoleUsers(answer.stdout);
  }
  return null;
}

const FIRST_USER_ID = 501;

/**
 * `show State:/Users/ConsoleUser`: the user in front and, with fast user switching, those behind. The login window
 * counts as a user there, and so does the one that sets up a new Mac; people start at 501.
 */
export function parseConsoleUsers(text: string): string[] | null {
  if (matchLine(text, /^\s*No such key\s*$/)) return [];
  const state = parseScutil(text);
  if (!state) return null;
  const sessions = at(state, 'SessionInfo');
  const behind = Object.values(isDictionary(sessions) ? sessions : {}).map((session) =>
    personOf(at(session, 'kCGSSessionUserNameKey'), at(session, 'kCGSSessionUserIDKey')),
  );
  const names = [personOf(at(state, 'Name'), at(state, 'UID')), ...behind];
  return [...new Set(names.filter((name) => name !== null))];
}

function personOf(name: unknown, id: unknown): string | null {
  const number = numberOf(id);
  const isPerson = number !== null && number >= FIRST_USER_ID && name !== 'loginwindow';
  return isPerson ? textOf(name) : null;
}

async function readUser(
  host: Host,
  name: string | null,
  managed: unknown,
): Promise<Observed<Omit<User, 'session'>>> {
  const as: CommandOptions = name === null ? {} : { as: name };
  const answer = await host.run(sysadminctl, ['-screenLock', 'status'], as);
  // It logs its answer, so that it comes on standard error.
  const lock = parseScreenLock(`${answer.stderr}\n${answer.stdout}`);
  if (!lock) return unanswered('sysadminctl -screenLock status', answer);
  const saver = await host.run(defaults, ['-currentHost', 'read', 'com.apple.screensaver', 'idleTime'], as);
  const display = await host.run(pmset, ['-g']);
  return known({
    ...lock,
    idleSeconds: soonest(
      numberOf(at(managed, 'idleTime')) ?? numberOf(saver.stdout.trim()),
      parseDisplaySleep(display.stdout),
    ),
    enforced: managed === undefined ? null : flagOf(at(managed, 'askForPassword')),
  });
}

/** The line may carry a log prefix. A delay of -1 seconds is another way of saying off. */
export function parseScreenLock(text: string): Lock | null {
  const match = /screenLock (?:is (off)|delay is (?:(immediate)|(-?\d+)(?:\.\d+|\(\.\d+\))? seconds))/.exec(
    text,
  );
  if (!match) return null;
  const [, off, immediate, seconds] = match;
  const delay = numberOf(seconds);
  if (off !== undefined || (delay !== null && delay < 0)) return { enabled: false, delaySeconds: null };
  return { enabled: true, delaySeconds: immediate === undefined ? delay : 0 };
}

/** Seconds until the display sleeps with the power source of the moment; 0 is never. */
export function parseDisplaySleep(text: string): number | null {
  const minutes = numberOf(matchLine(text, /^\s*displaysleep\s+(\d+)\b/)?.[1]);
  return minutes === null ? null : minutes * 60;
}

/** Whichever darkens the screen first; 0 when both say never, null while one of them is not known. */
function soonest(saver: number | null, display: number | null): number | null {
  const ever = [saver, display].filter((seconds) => seconds !== null && seconds > 0);
  if (ever.length > 0) return Math.min(...ever.map(Number));
  return saver === 0 && display === 0 ? 0 : null;
}
