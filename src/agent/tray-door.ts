import type { Duplex } from 'node:stream';

/** A user of this computer, as the system names one: the numeric id, or on Windows the SID. */
export type TrayUser = string;

/** A connection whose user is known beyond doubt. What comes over it is hostile all the same. */
export type TrayCaller = { user: TrayUser; socket: Duplex };

/** The way by which the users of this computer reach the agent, each by a door of their own. */
export type TrayDoor = {
  /** Lets callers in until `signal` aborts. Rejects only where no user can be let in at all. */
  open(onCaller: (caller: TrayCaller) => void, signal: AbortSignal): Promise<void>;
};
