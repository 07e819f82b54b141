import type { Host } from '../../../collectors/check.ts';
import type { Command } from '../../base/commands.ts';
import { readBlock } from '../../../collectors/vpn-client/linux-block.ts';
import { read } from '../../../collectors/vpn-client/linux.ts';
import type { VpnState } from './driver.ts';
import { readSessions } from './linux-sessions.ts';

type Answers = ReadonlyMap<string, ReturnType<Host['run']>>;

/** A host that asks each question once; `answers` are those that it got. */
export type OnceHost = Host & { readonly answers: Answers };

/**
 * What is looked at together is seen at one time. For one look only. `earlier`: answers of a moment ago that can be
 * taken as they are, since nothing in between changed what they tell.
 */
export function atOnce(host: Host, earlier: Answers = new Map()): OnceHost {
  const answers = new Map(earlier);
  return {
    ...host,
    answers,
    isRoot: host.isRoot,
    run(command, argv, options) {
      const key = keyOf(command, argv, options);
      const answer = answers.get(key) ?? host.run(command, argv, options);
      answers.set(key, answer);
      return answer;
    },
  };
}

function keyOf(...[command, argv, options]: Parameters<Host['run']>): string {
  return JSON.stringify([command.path, argv, options]);
}

/** Of these answers, those of one program to questions that begin like this. */
export function answersTo(answers: Answers, command: Command, ...begin: string[]): Answers {
  const start = JSON.stringify([command.path, begin]).slice(0, -2);
  return new Map([...answers].filter(([key]) => key.startsWith(start)));
}

/** What is there now: the profiles as the vpn-client fact tells them, live interfaces, our own block. */
export async function look(
  host: Host,
  said: { collateral?: readonly string[]; problems?: readonly string[] } = {},
): Promise<VpnState> {
  const once = atOnce(host);
  const [seen, block, { sessions }] = await Promise.all([read(once), readBlock(once), readSessions(once)]);
  const problems = [...(said.problems ?? [])];
  const report = (sentence: string) => void (problems.includes(sentence) || problems.push(sentence));
  if (seen.state === 'unknown') report(`The VPN profiles could not be read: ${seen.detail}`);
  if (block === 'unknown') report('Whether the block holds could not be seen: nft refused to tell.');
  return {
    profiles: seen.state === 'known' ? seen.fact.profiles : [],
    block: typeof block === 'string' ? block : 'holding',
    interfaces: sessions.flatMap((session) => session.interface ?? []),
    collateral: [...(said.collateral ?? [])],
    problems,
  };
}
