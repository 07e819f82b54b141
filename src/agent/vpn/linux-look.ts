import type { Host, Output } from '../../../collectors/check.ts';
import type { Command } from '../../base/commands.ts';
import { readBlock } from '../../../collectors/vpn-client/linux-block.ts';
import { read } from '../../../collectors/vpn-client/linux.ts';
import type { VpnState } from './driver.ts';
import { answersOfAbsent } from './linux-absent.ts';
import { readSessions } from './linux-sessions.ts';

type Answers = ReadonlyMap<string, ReturnType<Host['run']>>;

/** A host that asks each question once; `answers` are those that it got. */
export type OnceHost = Host & { readonly answers: Answers };

/**
 * What is looked at together is seen at one time: each program is asked, and each file of the kernel's read, once. For
 * one look only. `earlier`: answers of a moment ago that can be taken as they are, since nothing in between changed what
 * they tell.
 */
export function atOnce(host: Host, earlier: Answers = new Map()): OnceHost {
  const answers = new Map(earlier);
  return {
    ...host,
    answers,
    isRoot: host.isRoot,
    list: once((path) => host.list(path)),
    readText: once((path) => host.readText(path)),
    run(command, argv, options) {
      const key = keyOf(command, argv, options);
      const answer = answers.get(key) ?? host.run(command, argv, options);
      answers.set(key, answer);
      return answer;
    },
  };
}

function once<T>(read: (path: string) => Promise<T>): (path: string) => Promise<T> {
  const seen = new Map<string, Promise<T>>();
  return (path) => {
    const found = seen.get(path) ?? read(path);
    seen.set(path, found);
    return found;
  };
}

/** `atOnce`, with the answers of those that are not there. */
export async function glance(host: Host, earlier: Answers = new Map()): Promise<OnceHost> {
  const seen = atOnce(host);
  const absent = (await answersOfAbsent(seen)).map((answer) => answered(...answer));
  return atOnce(seen, new Map([...absent, ...earlier]));
}

/** An answer that needs no asking, to be handed over as an earlier one. */
export function answered(
  command: Command,
  argv: readonly string[],
  answer: Promise<Output>,
): [string, ReturnType<Host['run']>] {
  return [keyOf(command, argv), answer];
}

function keyOf(...[command, argv, options]: Parameters<Host['run']>): string {
  return JSON.stringify([command.path, argv, options]);
}

/** Of these answers, those of one program to questions that begin like this. */
export function answersTo(answers: Answers, command: Command, ...begin: string[]): Answers {
  const start = JSON.stringify([command.path, begin]).slice(0, -2);
  return new Map([...answers].filter(([key]) => key.startsWith(start)));
}

type Said = { problems?: readonly string[] };

/** What is there now: the profiles as the vpn-client fact tells them, live interfaces, our own block. */
export async function look(host: Host, said: Said = {}): Promise<VpnState> {
  return lookThrough(await glance(host), said);
}

/** `look`, by what one glance shows. */
export async function lookThrough(once: OnceHost, said: Said = {}): Promise<VpnState> {
  const [block, seen, { sessions }] = await Promise.all([readBlock(once), read(once), readSessions(once)]);
  const problems = [...(said.problems ?? [])];
  const report = (sentence: string) => void (problems.includes(sentence) || problems.push(sentence));
  if (seen.state === 'unknown') report(`The VPN profiles could not be read: ${seen.detail}`);
  if (block === 'unknown') report('Whether the block holds could not be seen: nft refused to tell.');
  return {
    profiles: seen.state === 'known' ? seen.fact.profiles : [],
    block: typeof block === 'string' ? block : 'holding',
    interfaces: sessions.flatMap((session) => session.interface ?? []),
    collateral: [],
    problems,
  };
}
