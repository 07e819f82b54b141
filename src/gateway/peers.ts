import type { PeerEvent } from './events.ts';

/** Which IPsec peers are there, by address. A peer is there while any of its tunnels is. */
export type Peers = {
  /** Takes an event in, the same one as often as it comes; answers whether the server has to know. */
  note(event: PeerEvent): boolean;
  /** The identities at an address. */
  at(address: string): string[];
  /** For the state file. */
  all(): PeerEntry[];
};

export type PeerEntry = { peerAddress: string; peerId: string; tunnels: string[] };

const MAX_PEERS = 50_000;
const MAX_TUNNELS = 20;

export function createPeers(before: readonly PeerEntry[]): Peers {
  const entries = new Map(before.map((entry) => [key(entry), { ...entry, tunnels: [...entry.tunnels] }]));
  return {
    note(event) {
      const known = entries.get(key(event));
      const others = (known?.tunnels ?? []).filter((tunnel) => tunnel !== event.tunnel);
      const tunnels = event.event === 'up' ? [...others, event.tunnel] : others;
      if (tunnels.length === 0) entries.delete(key(event));
      else if (known !== undefined || entries.size < MAX_PEERS) {
        const { peerAddress, peerId } = event;
        entries.set(key(event), { peerAddress, peerId, tunnels: tunnels.slice(-MAX_TUNNELS) });
      }
      return event.event === 'up' || tunnels.length === 0;
    },
    at: (address) =>
      [...entries.values()].filter((one) => one.peerAddress === address).map((one) => one.peerId),
    all: () => [...entries.values()],
  };
}

const key = ({ peerAddress, peerId }: { peerAddress: string; peerId: string }) => `${peerAddress} ${peerId}`;
