import { defaults, socketfilterfw, systemProfiler } from '../../src/base/commands.ts';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import { parseJson } from '../json.ts';
import { readManaged, unanswered } from '../macos-read.ts';
import { at, flagOf, itemsOf, numberOf } from '../macos-values.ts';
import type { Fact } from '../specs.ts';

/** The application firewall's own numbers: 0 off, 1 on, 2 on and blocking everything. Null: it did not say. */
export type Alf = { state: 0 | 1 | 2; stealth: boolean | null };

/** The packet filter (pf) and network extensions are other firewalls; what they block is not said here. */
export async function read(host: Host): Promise<Observed<Fact<'firewall'>>> {
  const { alf, answer } = await askFirewall(host);
  const found = alf ?? (await readProfiler(host)) ?? (await readPreferences(host));
  if (!found) return unanswered('socketfilterfw', answer);
  const inboundDefault = found.state === 2 ? 'block' : found.state === 0 ? 'allow' : null;
  return known({
    state: found.state === 0 ? 'off' : 'on',
    inboundDefault,
    managedBy: (await isManaged(host)) ? 'configuration profile' : null,
    profiles: [{ name: 'application-firewall', enabled: found.state !== 0, inboundDefault }],
    stealth: found.stealth,
  });
}

const QUESTIONS = [
  ['--getglobalstate', '--getblockall', '--getstealthmode'],
  ['--getglobalstate', '--getblockall', '--getstealthmode', '--getallowsigned'],
  ['--getglobalstate', '--getblockall', '--getallowsigned', '--getstealthmode'],
];

/** One call answers several questions; a tool that refuses the lot is asked one by one. */
async function askFirewall(host: Host): Promise<{ alf: Alf | null; answer: Output }> {
  for (const argv of QUESTIONS) {
    const answer = await host.run(socketfilterfw, argv);
    const alf = parseSocketFilter(`${answer.stdout}\n${answer.stderr}`);
    if (alf) return { alf, answer };
  }
  const answer = await host.run(socketfilterfw, ['--getglobalstate']);
  const rest = [
    await host.run(socketfilterfw, ['--getblockall']),
    await host.run(socketfilterfw, ['--getstealthmode']),
  ];
  const text = [answer, ...rest].map((one) => `${one.stdout}\n${one.stderr}`).join('\n');
  return { alf: parseSocketFilter(text), answer };
}

/**
 * The number after `State =` decides; the words before it changed between releases and do not hold "enabled" for
 * state 2. Stealth is "Stealth mode enabled" up to 13, "Firewall stealth mode is on" from 14; an ALF error is neither.
 */
export function parseSocketFilter(text: string): Alf | null {
  const state = numberOf(/\(State = (\d)\)/.exec(text)?.[1]);
  const blockAll = /block all (?:state set to )?(enabled|disabled)\b/i.exec(text)?.[1];
  const stealth = /stealth mode (?:is )?(on|enabled|off|disabled)\b/i.exec(text)?.[1]?.toLowerCase();
  if (state !== 0 && state !== 1 && state !== 2) return null;
  return {
    state: state === 1 && blockAll?.toLowerCase() === 'enabled' ? 2 : state,
    stealth: stealth === undefined ? null : stealth === 'on' || stealth === 'enabled',
  };
}

async function readProfiler(host: Host): Promise<Alf | null> {
  const answer = await host.run(systemProfiler, ['-json', 'SPFirewallDataType']);
  return answer.code === 0 ? parseProfiler(parseJson(answer.stdout)) : null;
}

const PROFILER_STATES: Record<string, 0 | 1 | 2> = {
  spfirewall_globalstate_limit_connections: 1,
  spfirewall_globalstate_block_all: 2,
  spfirewall_globalstate_allow_all: 0,
  spfirewall_globalstate_off: 0,
};

/** The state is a key that no language translates; stealth is "Yes" in English only, so other words are unknown. */
export function parseProfiler(document: unknown): Alf | null {
  const [settings] = itemsOf(at(document, 'SPFirewallDataType'));
  const state = PROFILER_STATES[String(at(settings, 'spfirewall_globalstate'))];
  return state === undefined ? null : { state, stealth: flagOf(at(settings, 'spfirewall_stealthenabled')) };
}

/** Up to macOS 14; the file is gone since, and its absence says nothing. */
async function readPreferences(host: Host): Promise<Alf | null> {
  for (const domain of ['/Library/Preferences/com.apple.alf', '/Library/Preferences/com.apple.alf.plist']) {
    const state = await readNumber(host, domain, 'globalstate');
    if (state !== 0 && state !== 1 && state !== 2) continue;
    const stealth = await readNumber(host, domain, 'stealthenabled');
    return { state, stealth: stealth === null ? null : stealth === 1 };
  }
  return null;
}

async function readNumber(host: Host, domain: string, key: string): Promise<number | null> {
  const answer = await host.run(defaults, ['read', domain, key]);
  return answer.code === 0 ? numberOf(answer.stdout.trim()) : null;
}

async function isManaged(host: Host): Promise<boolean> {
  return flagOf(at(await readManaged(host, 'com.apple.security.firewall'), 'EnableFirewall')) === true;
}
