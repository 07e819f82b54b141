import { macPs } from '../src/base/commands.ts';
import type { Host, Output } from './check.ts';
import { linesOf } from './macos-values.ts';

/**
 * The base names of all running executables, or the answer that was none. `launchd` is always among them: a list
 * without it is not whole, and what it lacks would pass for not running.
 */
export async function readProcessNames(host: Host): Promise<string[] | Output> {
  const answer = await host.run(macPs, ['-axo', 'comm=']);
  const names = parseProcessNames(answer.stdout);
  return answer.code === 0 && names.includes('launchd') ? names : answer;
}

/** `ps -axo comm=`: the whole path of each executable (it may hold spaces), or `(name)` for one that is ending. */
export function parseProcessNames(text: string): string[] {
  return linesOf(text).flatMap((line) => {
    const name = line
      .trim()
      .split('/')
      .at(-1)
      ?.replace(/^\((.*)\)$/, '$1');
    return name ? [name] : [];
  });
}
