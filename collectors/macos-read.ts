import { defaults, plutil, type Command } from '../src/base/commands.ts';
import type { Output } from '../src/base/exec.ts';
import { unknown, type Why } from '../src/base/reading.ts';
import { err, ok, type Result } from '../src/base/result.ts';
import type { CommandOptions, FileProblem, Host } from './check.ts';
import { parsePlist } from './macos-plist.ts';

export type ListProblem = 'missing' | 'denied' | 'unparsable';

/**
 * A property list by path, whichever of its three forms the file has: `plutil` converts them all. Without `plutil`
 * the file itself is read, and last the preferences system is asked, which knows a domain by its file.
 */
export async function readPlist(host: Host, path: string): Promise<Result<unknown, ListProblem>> {
  const converted = await host.run(plutil, ['-convert', 'xml1', '-o', '-', path]);
  const answered = converted.code === 0;
  const whole = answered ? parsePlist(converted.stdout) : undefined;
  if (whole !== undefined) return ok(whole);
  const file = await host.readText(path);
  const list = file.ok ? parsePlist(file.value) : undefined;
  if (list !== undefined) return ok(list);
  const preferences = await runPlist(host, defaults, ['read', path]);
  if (preferences !== undefined) return ok(preferences);
  return err(file.ok || answered ? 'unparsable' : problemOf(file.error));
}

/** What a command prints as a property list; `undefined` when it fails or prints something else. */
export async function runPlist(
  host: Host,
  command: Command,
  argv: readonly string[],
  options?: CommandOptions,
): Promise<unknown> {
  const output = await host.run(command, argv, options);
  return output.code === 0 ? parsePlist(output.stdout) : undefined;
}

/** What device management forces in a preference domain; `undefined` where it forces nothing. Users cannot write there. */
export async function readManaged(host: Host, domain: string): Promise<unknown> {
  const managed = await readPlist(host, `/Library/Managed Preferences/${domain}.plist`);
  return managed.ok ? managed.value : undefined;
}

function problemOf(problem: FileProblem): ListProblem {
  if (problem === 'missing' || problem === 'denied') return problem;
  return 'unparsable';
}

const WHY: Record<NonNullable<Output['failure']>, Why> = {
  'not-found': 'not-installed',
  denied: 'denied',
  timeout: 'timeout',
  flood: 'unparsable',
  signal: 'failed',
};

/** Why a command gave no usable answer, in the words of its own first line of complaint. */
export function unanswered(what: string, output: Output): ReturnType<typeof unknown> {
  if (output.failure) return unknown(WHY[output.failure], `${what}: ${output.failure}`);
  const said = output.stderr.trim() || output.stdout.trim();
  if (/requires root|must be run as root|not permitted/i.test(said))
    return unknown('denied', `${what}: ${said}`);
  return unknown(output.code === 0 ? 'unparsable' : 'failed', `${what}: ${said || `exit ${output.code}`}`);
}
