import type { Clock } from '../base/clock.ts';
import type { Target } from './targets.ts';
import { probeIke, probeL2tp, type IkeOutcome, type L2tpOutcome } from './probe.ts';
import { WAITS_MS, type Sending } from './udp.ts';

/**
 * - `exposed`: L2TP answers outside IPsec
 * - `ipsec`: it does not; IKE answers
 * - `refused`: nobody listens on UDP 1701, or a firewall says so for him
 * - `silent`: nothing came back
 * - `unasked`: the questions did not leave this computer
 */
export const STATES = ['exposed', 'ipsec', 'refused', 'silent', 'unasked'] as const;
export type State = (typeof STATES)[number];

export type Scanned = Target & { state: State; l2tp: L2tpOutcome; ike: IkeOutcome[] };

export type ScanOptions = {
  clock: Clock;
  /** Packets a second, of all hosts together. */
  rate: number;
  waitsMs?: readonly number[];
  signal?: AbortSignal;
  /** Called as hosts are done with, in any order. */
  onScanned?(scanned: Scanned): void;
};

/** Each has five sockets at least; a process has a thousand. */
const AT_ONCE = 32;

const IKE = [
  { port: 500, version: 1 },
  { port: 500, version: 2 },
  { port: 4500, version: 1 },
  { port: 4500, version: 2 },
] as const;

/** Asks the targets, and nobody else, and answers in their order. Rejects only where `signal` aborts. */
export async function scan(targets: readonly Target[], options: ScanOptions): Promise<Scanned[]> {
  const { clock, rate, waitsMs = WAITS_MS, signal, onScanned } = options;
  const sending = { clock, waitsMs, pace: createPace(clock, rate), ...(signal ? { signal } : {}) };
  const results: Scanned[] = [];
  const queue = targets.entries();
  const worker = async () => {
    for (const [index, target] of queue) {
      const scanned = await scanOne(target, sending);
      results[index] = scanned;
      onScanned?.(scanned);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, targets.length) }, worker));
  return results;
}

async function scanOne(target: Target, sending: Sending): Promise<Scanned> {
  const [l2tp, ...ike] = await Promise.all([
    probeL2tp(target.address, sending),
    ...IKE.map((which) => probeIke(target.address, which, sending)),
  ]);
  return { ...target, state: stateOf(l2tp, ike), l2tp, ike };
}

export function stateOf(l2tp: Pick<L2tpOutcome, 'state'>, ike: readonly Pick<IkeOutcome, 'state'>[]): State {
  if (l2tp.state === 'answered') return 'exposed';
  // Whatever IKE says: whether L2TP would have answered is not known.
  if (l2tp.state === 'unsent') return 'unasked';
  if (ike.some(({ state }) => state === 'answered')) return 'ipsec';
  return l2tp.state;
}

/** Evenly: no more than one packet each `1000 / rate` milliseconds. */
export function createPace(clock: Clock, rate: number): () => Promise<void> {
  let next = 0;
  return async () => {
    const now = clock.monotonic();
    const at = Math.max(now, next);
    next = at + 1_000 / rate;
    if (at > now) await clock.sleep(at - now);
  };
}
