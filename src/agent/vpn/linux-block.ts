import { readBlock, BLOCK_PREFERENCE } from '../../../collectors/vpn-client/linux-block.ts';
import { ip, nft } from '../../base/commands.ts';
import { blockRules, noRules, type BlockPlan } from './linux-rules.ts';
import { act, complaint, type Tools, type Waiting } from './linux-tools.ts';

/** How the block stands: by nftables, or by what is left where that is missing (with the reason). */
export type Held = { by: 'nftables' } | { by: 'routing-rules'; why: string } | { by: 'nothing'; why: string };

/** How nftables takes commands from its input. */
const INPUT = ['-f', '-'];
export const NFT_INPUT = [nft, INPUT] as const;

/** Puts the block in force, replacing an earlier one in one step; by an nft that `started` already, where there is one. */
export async function holdBlock(tools: Tools, plan: BlockPlan, started?: Waiting): Promise<Held> {
  const stdin = blockRules(plan);
  const options = started === undefined ? { stdin } : { stdin, started };
  const loaded = await act(tools, `block ${plan.stage}`, nft, INPUT, options);
  // Once more: a process that was stopped and continued sees its program out of time although it has done its work.
  const again =
    loaded.failure === 'timeout' ? await act(tools, 'block again', nft, INPUT, { stdin }) : loaded;
  if (again.code === 0) return { by: 'nftables' };
  const why =
    again.failure === 'not-found' ? 'nftables is not installed' : `nftables failed (${complaint(again)})`;
  return plan.stage === 'cut' ? cutByLink(tools, plan, why) : blockByRules(tools, plan, why);
}

/** An interface that is down sends and takes nothing; L2TP itself goes on, so that the session can end in order. */
async function cutByLink(tools: Tools, { interfaces }: BlockPlan, why: string): Promise<Held> {
  const answers = await Promise.all(
    interfaces.map((name) => act(tools, 'link down', ip, ['link', 'set', 'dev', name, 'down'])),
  );
  const failed = answers.find(({ code }) => code !== 0);
  return failed
    ? { by: 'nothing', why: `${why}; ip link: ${complaint(failed)}` }
    : { by: 'routing-rules', why };
}

/**
 * Routing rules that lead L2TP to a gateway, or to any, into a black hole: no IPsec software touches them. New IKE is
 * stopped to known gateways only.
 */
async function blockByRules(tools: Tools, plan: BlockPlan, why: string): Promise<Held> {
  await removeRules(tools);
  const wanted = ruleArguments(plan);
  for (const argv of wanted) {
    const added = await act(tools, 'routing rule', ip, argv);
    if (added.code !== 0) return { by: 'nothing', why: `${why}; ip rule: ${complaint(added)}` };
  }
  return wanted.length === 0
    ? { by: 'nothing', why: `${why}; no gateway's address is known` }
    : { by: 'routing-rules', why };
}

export function ruleArguments({ profiles, gateways }: BlockPlan): string[][] {
  const any = profiles === null ? ['-4', '-6'].map((family) => rule(family, [], '1701')) : [];
  const ports = profiles === null ? ['500', '4500'] : ['1701', '500', '4500'];
  const each = gateways.flatMap((address) =>
    ports.map((port) => rule(address.includes(':') ? '-6' : '-4', ['to', address], port)),
  );
  return [...any, ...each];
}

function rule(family: string, selector: readonly string[], port: string): string[] {
  const ours = ['priority', String(BLOCK_PREFERENCE)];
  return [family, 'rule', 'add', ...ours, ...selector, 'ipproto', 'udp', 'dport', port, 'blackhole'];
}

/** More rules of ours than this are not made. */
const MAX_RULES = 200;

async function removeRules(tools: Tools): Promise<void> {
  for (const family of ['-4', '-6']) {
    for (let count = 0; count < MAX_RULES; count++) {
      const argv = [family, 'rule', 'del', 'priority', String(BLOCK_PREFERENCE)];
      const { code } = await act(tools, 'routing rule away', ip, argv);
      if (code !== 0) break;
    }
  }
}

/** Takes the block away, whichever kind it is; null, or the sentence that says why it still stands. */
export async function liftBlock(tools: Tools): Promise<string | null> {
  const removed = await act(tools, 'block away', nft, INPUT, { stdin: noRules });
  const rules = await readBlock(tools.host);
  if (rules === 'none') return null;
  await removeRules(tools);
  const left = await readBlock(tools.host);
  return left === 'none' ? null : `The block could not be lifted (${complaint(removed)}).`;
}
