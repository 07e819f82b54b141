import type { Fact } from '../../../collectors/specs.ts';
import type { VpnProfile } from '../../wire/vpn.ts';

/** One L2TP profile as it was seen, in the words of the vpn-client fact. */
export type SeenProfile = Fact<'vpn-client'>['profiles'][number];

/** What was observed: the only source of what a receipt says. */
export type VpnState = {
  profiles: SeenProfile[];
  /** Whether our own block holds: `unknown` where it could not be looked at, with the reason in `problems`. */
  block: 'holding' | 'none' | 'unknown';
  /** Local interfaces of live L2TP sessions, such as `ppp0`. */
  interfaces: string[];
  /** Other tunnels that the last change ended although nobody asked for it, by name. */
  collateral: string[];
  /** What could not be done or seen, one sentence each; empty when everything was. */
  problems: string[];
};

/**
 * A wanted state, never a step towards one.
 * - `denied`: no L2TP session of the profiles (null: of any), and none can come up, until `allowed`.
 * - `allowed`: our own block is gone and everything is as before it, to the byte.
 * - `set`: this profile stands as described; `up`: and is connected.
 */
export type VpnWanted =
  | { state: 'denied'; profiles: readonly string[] | null }
  | { state: 'allowed' }
  | { state: 'set'; profile: VpnProfile; up: boolean };

/**
 * The local L2TP client of one operating system. Wanted states are idempotent. `apply` looks after acting and
 * answers with what it saw; it throws `VpnFailure` where the wanted state was not reached. One is asked after the
 * other, but for `denied`: it may come while another state is at work, whose signal has been aborted then. A `set`
 * leaves a block in force as it is.
 */
export interface VpnDriver {
  inspect(signal?: AbortSignal): Promise<VpnState>;
  /** Keeps ready, until the signal aborts, what a cut would take long to begin with. Does not reject. */
  standBy?(signal: AbortSignal): Promise<void>;
  apply(want: VpnWanted, signal?: AbortSignal): Promise<VpnState>;
  /**
   * Has the system's own client bring up a profile that is there, with what is stored for it; a block in force stays.
   * Throws `VpnFailure` where it does not come up. Without it, the user has to do it.
   */
  bringUp?(profile: SeenProfile, signal?: AbortSignal): Promise<VpnState>;
  /**
   * Takes away a profile of this name that `set` made. Only the self-test asks for it; without it, there is no
   * throw-away profile on that system.
   */
  remove?(name: string): Promise<VpnState>;
  /** Undoes a `set` that a crash interrupted; a block in force stays. Nothing to undo is no error. */
  restore(): Promise<void>;
}

/** Why a wanted state was not reached. `status` is an OpenC2 code (see `src/wire/order.ts`). */
export class VpnFailure extends Error {
  readonly status: number;
  /** What was seen at the end, where anything could be. */
  readonly seen: VpnState | null;

  constructor(message: string, status: number, seen: VpnState | null) {
    super(message);
    this.status = status;
    this.seen = seen;
  }
}
