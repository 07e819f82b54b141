import type { Host } from '../../../collectors/check.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import { noFailpoints, type Failpoints } from '../../base/failpoint.ts';
import type { Logger } from '../../base/log.ts';
import { STATUS } from '../../wire/order.ts';
import { VpnFailure, type SeenProfile, type VpnDriver, type VpnState, type VpnWanted } from './driver.ts';
import { liftBlock } from './linux-block.ts';
import { deny, stopAll } from './linux-deny.ts';
import { dialSeen } from './linux-dial-seen.ts';
import { openJournal, type Journal } from './linux-journal.ts';
import { look } from './linux-look.ts';
import { setProfile, takeDown, undo } from './linux-set.ts';
import { Standby } from './linux-standby.ts';
import type { Tools, Waiting } from './linux-tools.ts';
import { createTurns } from '../turns.ts';

export type LinuxVpnOptions = {
  host: Host;
  /** The agent's state folder: what has to be remembered across a crash lies there. */
  stateFolder: string;
  log: Logger;
  clock?: Clock;
  failpoints?: Failpoints;
};

/** The L2TP clients of this machine, whichever there are: NetworkManager, strongSwan, Libreswan, xl2tpd. */
export function linuxVpn(options: LinuxVpnOptions): VpnDriver {
  const { host, log, stateFolder, clock = systemClock, failpoints = noFailpoints } = options;
  const tools: Tools = { host, clock, log, failpoints, signal: (pid, signal) => process.kill(pid, signal) };
  return new LinuxVpn(tools, openJournal(stateFolder, log, failpoints));
}

/** One wanted state after the other; a denial cuts at once and ends a `set` that is at work. */
class LinuxVpn implements VpnDriver {
  readonly #tools: Tools;
  readonly #journal: Journal;
  readonly #turn = createTurns();
  readonly #standby: Standby;
  #setting: AbortController | null = null;

  constructor(tools: Tools, journal: Journal) {
    this.#tools = tools;
    this.#journal = journal;
    this.#standby = new Standby(tools);
  }

  inspect(): Promise<VpnState> {
    return look(this.#tools.host);
  }

  standBy(signal: AbortSignal): Promise<void> {
    return this.#standby.keep(signal);
  }

  apply(want: VpnWanted, signal?: AbortSignal): Promise<VpnState> {
    switch (want.state) {
      case 'denied':
        return this.#deny(want.profiles);
      case 'allowed':
        return this.#turn(() => allow(this.#tools, this.#journal));
      case 'set':
        return this.#turn(() => this.#set(want, signal));
    }
  }

  bringUp(profile: SeenProfile, signal?: AbortSignal): Promise<VpnState> {
    return this.#turn(() =>
      this.#undeniably((given) => dialSeen(this.#tools, this.#journal, profile, given), signal),
    );
  }

  /** What a `set` is at may take half a minute: the traffic stops before that. */
  async #deny(profiles: readonly string[] | null): Promise<VpnState> {
    const setting = this.#setting;
    setting?.abort();
    if (setting !== null && profiles === null) await stopAll(this.#tools);
    const { take } = this.#standby;
    return this.#turn(() => denyNoted(this.#tools, this.#journal, profiles, take)).finally(() => {
      void this.#standby.refill();
    });
  }

  #set(want: Extract<VpnWanted, { state: 'set' }>, signal?: AbortSignal): Promise<VpnState> {
    return this.#undeniably((given) => setProfile(this.#tools, this.#journal, want, given), signal);
  }

  /** What brings a session up ends as soon as somebody denies. */
  async #undeniably(
    work: (signal: AbortSignal) => Promise<VpnState>,
    signal?: AbortSignal,
  ): Promise<VpnState> {
    this.#setting = new AbortController();
    const signals = [this.#setting.signal, ...(signal === undefined ? [] : [signal])];
    try {
      return await work(AbortSignal.any(signals));
    } finally {
      this.#setting = null;
    }
  }

  /** A block that a crash interrupted is completed, a change that it interrupted is undone, in this order. */
  restore(): Promise<void> {
    return this.#turn(() => restore(this.#tools, this.#journal));
  }
}

/** A block for profiles that are not there is none: then what was wanted before goes on. */
async function denyNoted(
  tools: Tools,
  journal: Journal,
  profiles: readonly string[] | null,
  next: () => Waiting,
): Promise<VpnState> {
  const { denied } = await journal.read();
  const noted = { denied: { profiles: profiles === null ? null : [...profiles] } };
  const note = () =>
    journal.note(noted).catch((error: unknown) => {
      tools.log.error({ err: error }, 'what is denied could not be noted; it is cut all the same');
    });
  try {
    return await deny(tools, profiles, note, next);
  } catch (error) {
    if (error instanceof VpnFailure && error.status === STATUS.notFound) await journal.note({ denied });
    throw error;
  }
}

/** The journal last: a crash in between leaves a block that the next start completes, never one that nobody remembers. */
async function allow(tools: Tools, journal: Journal): Promise<VpnState> {
  const problem = await liftBlock(tools);
  const seen = await look(tools.host);
  if (problem !== null || seen.block !== 'none')
    throw new VpnFailure(problem ?? 'Whether the block is gone could not be seen.', STATUS.failed, seen);
  await journal.note({ denied: null });
  return seen;
}

async function restore(tools: Tools, journal: Journal): Promise<void> {
  const { change, denied } = await journal.read();
  // The block first: nothing that is put back may bring a denied session up.
  if (denied !== null) await deny(tools, denied.profiles);
  // A session that came up by the half of a change is no longer what the files say.
  if (change !== null) await takeDown(tools, change.name);
  const left = change === null ? null : await undo(tools, journal, change);
  if (left !== null) throw new VpnFailure(left, STATUS.failed, null);
}
