import type { Host } from '../../../collectors/check.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import { noFailpoints, type Failpoints } from '../../base/failpoint.ts';
import type { Logger } from '../../base/log.ts';
import { STATUS } from '../../wire/order.ts';
import { VpnFailure, type VpnDriver, type VpnState, type VpnWanted } from './driver.ts';
import { liftBlock } from './linux-block.ts';
import { deny } from './linux-deny.ts';
import { openJournal, type Journal } from './linux-journal.ts';
import { look } from './linux-look.ts';
import type { Tools } from './linux-tools.ts';

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
  const journal = openJournal(stateFolder, log, failpoints);
  return {
    inspect: () => look(host),
    apply: (want) => apply(tools, journal, want),
    restore: () => restore(tools, journal),
  };
}

async function apply(tools: Tools, journal: Journal, want: VpnWanted): Promise<VpnState> {
  switch (want.state) {
    case 'denied':
      return denyNoted(tools, journal, want.profiles);
    case 'allowed':
      return allow(tools, journal);
    case 'set':
      throw new VpnFailure('Profiles cannot be set on this system yet.', STATUS.notImplemented, null);
  }
}

/** A block for profiles that are not there is none: then what was wanted before goes on. */
async function denyNoted(
  tools: Tools,
  journal: Journal,
  profiles: readonly string[] | null,
): Promise<VpnState> {
  const { denied } = await journal.read();
  await journal.note({ denied: { profiles: profiles === null ? null : [...profiles] } });
  try {
    return await deny(tools, profiles);
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
  const { denied } = await journal.read();
  if (denied !== null) await deny(tools, denied.profiles);
}
