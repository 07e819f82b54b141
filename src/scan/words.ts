import type { IkeOutcome, L2tpOutcome } from './probe.ts';
import type { Scanned, State } from './scan.ts';

/** What each state proves, and what it does not. */
export const MEANS: Readonly<Record<State, string>> = {
  exposed:
    'L2TP answers outside IPsec: whoever reaches UDP 1701 talks to the tunnel server in clear text, before any key is asked for.',
  ipsec:
    'L2TP does not answer outside IPsec from here, and IKE does: so stands a VPN gateway as it should be. That L2TP is behind it, this does not prove.',
  refused:
    'UDP 1701 is closed from here (ICMP port unreachable). A firewall may say so to you and not to others.',
  silent:
    'Nothing came back. That proves nothing: a firewall, a loss, an address without a host, and a server that takes L2TP inside IPsec only look the same.',
  unasked: 'The question did not leave this computer, so nothing is known of this host.',
};

/** What was heard from one host, on one line. */
export function heardFrom({ l2tp, ike }: Pick<Scanned, 'l2tp' | 'ike'>): string {
  return [l2tpWords(l2tp), ikeWords(ike)].join('; ');
}

function l2tpWords({ state, why, server }: L2tpOutcome): string {
  if (server === null) return `1701 ${wordFor(state)}${why === null ? '' : ` (${why})`}`;
  const { answer, hostName, vendor, firmware, says } = server;
  const named = [hostName, vendor, firmware === null ? null : `firmware ${firmware.toString(16)}`];
  const who = named.filter((part) => part !== null && part !== '').join(', ');
  const what =
    answer === 'accepts' ? '1701 opens a tunnel' : `1701 answers and declines (${says ?? 'no reason'})`;
  return who === '' ? what : `${what}: ${who}`;
}

function ikeWords(ike: readonly IkeOutcome[]): string {
  const answered = ike.filter(({ state }) => state === 'answered');
  if (answered.length > 0)
    return answered
      .map(({ port, version, answer }) => `IKEv${version} on ${port} ${answer ?? ''}`)
      .join(', ');
  const states = new Set(ike.map(({ state }) => state));
  return `IKE ${[...states].map(wordFor).join(', ')}`;
}

function wordFor(state: L2tpOutcome['state']): string {
  return { answered: 'answers', refused: 'refused', silent: 'silent', unsent: 'could not be asked' }[state];
}
