import type { Host } from '../../../collectors/check.ts';
import { readBlock } from '../../../collectors/vpn-client/linux-block.ts';
import { read } from '../../../collectors/vpn-client/linux.ts';
import type { VpnState } from './driver.ts';
import { readSessions } from './linux-sessions.ts';

/** Asks each question once: what is looked at together is seen at one time. For one look only. */
export function atOnce(host: Host): Host {
  const answers = new Map<string, ReturnType<Host['run']>>();
  return {
    ...host,
    isRoot: host.isRoot,
    run(command, argv, options) {
      const key = JSON.stringify([command.path, argv, options]);
      const answer = answers.get(key) ?? host.run(command, argv, options);
      answers.set(key, answer);
      return answer;
    },
  };
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
