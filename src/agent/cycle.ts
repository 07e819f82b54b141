import type { AgentSelf, Host, Platform, Questions } from '../../collectors/check.ts';
import type { Clock } from '../base/clock.ts';

/** Makes a door to this machine for one check; aborting the signal ends the programs that the check has started. */
export type OpenHost = (signal: AbortSignal) => Host;

/**
 * `full` reads everything anew; `light` answers from the last full cycle where asking again would be dear, and is
 * meant for questions in between: what goes into a report comes from a full one, since a reading says when it was made.
 */
export type CycleKind = 'full' | 'light';

/** The doors of one collection. */
export type Cycle = {
  openHost: OpenHost;
  /** Reads what the checks share. Never rejects. */
  prepare?: () => Promise<void>;
};

/** Opens a cycle; aborting the signal ends the programs that were started for all of its checks. */
export type OpenCycle = (kind: CycleKind, signal: AbortSignal) => Cycle;

export type HostsOptions = {
  self: () => AgentSelf;
  /** What the policy in force asks on this system; looked at anew for each cycle. */
  questions: (platform: Platform) => Questions;
  /** Where dear answers are kept between runs; where it is not there, they are kept in memory. */
  cacheFolder: string;
  clock: Clock;
  updates: UpdatesSchedule;
  /** Awaited before each program where nobody waits for the answers (see `HostOptions`). */
  standBack?: () => Promise<void>;
};

/** When the update service is asked, where that is too slow to be a part of every cycle. */
export type UpdatesSchedule = {
  everyMs: number;
  /** The same for the first time after a start, when an update may just have been installed. */
  atStartMs: number;
  /** Whether a check waits for the answer that is under way, or goes on with the last one. */
  patience: 'wait' | 'go-on';
};

/** This machine's hosts. Starts nothing until a cycle is opened. */
export type Hosts = (options: HostsOptions) => OpenCycle;
