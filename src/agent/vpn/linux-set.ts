import { messageOf } from '../../base/errors.ts';
import { STATUS } from '../../wire/order.ts';
import type { VpnProfile } from '../../wire/vpn.ts';
import { VpnFailure, type VpnState } from './driver.ts';
import type { Backend } from './linux-backend.ts';
import { endScope } from './linux-ending.ts';
import { isAsWanted, putBack, standing, writeFiles } from './linux-files.ts';
import type { Journal, JournalEntry } from './linux-journal.ts';
import { atOnce, look } from './linux-look.ts';
import { ownName, ownUuid } from './linux-names.ts';
import { readScope } from './linux-scope.ts';
import { hasLibreswan, libreswan } from './linux-set-libreswan.ts';
import { hasNetworkManager, networkManager } from './linux-set-networkmanager.ts';
import { hasStrongswan, strongswan } from './linux-set-strongswan.ts';
import type { Tools } from './linux-tools.ts';

type SetWanted = { profile: VpnProfile; up: boolean };

/**
 * This profile stands as described, and is connected where that is wanted: down, change, up, never a change under a
 * living session. Anything that fails puts the files back as they were. Throws `VpnFailure`.
 */
export async function setProfile(
  tools: Tools,
  journal: Journal,
  { profile, up }: SetWanted,
  signal: AbortSignal,
): Promise<VpnState> {
  refuseControlCharacters(profile);
  const { denied } = await journal.read();
  if (up && denied !== null) throw failure('The VPN is denied: nothing was changed.', STATUS.refused);
  const backend = await chooseBackend(tools, profile.name);
  const refusal = backend.refuse(profile);
  if (refusal !== null) throw failure(refusal, STATUS.notImplemented);
  const wanted = await backend.files(tools, profile);
  const found = await standing(wanted.map(({ path }) => path));
  if (!isAsWanted(wanted, found)) {
    const wasUp = await isUp(tools, profile.name);
    await takeDown(tools, profile.name);
    const change = { backend: backend.name, name: profile.name, files: found };
    await journal.note({ change });
    await orUndo(tools, journal, change, async () => {
      await writeFiles(tools, wanted);
      refuseAborted(signal);
      await demand(backend.load(tools, profile.name));
      if (up) await bringUp(tools, backend, profile.name, signal);
    }).catch(async (error: unknown) => {
      // The user had a connection before we tried to better it.
      if (wasUp && !signal.aborted) await backend.dial(tools, profile.name, signal);
      throw error;
    });
    await journal.note({ change: null });
  } else if (up) await orDown(tools, profile.name, () => bringUp(tools, backend, profile.name, signal));
  return verified(tools, backend, profile, up);
}

const CONTROL = /\p{Cc}/u;

/** Every secret and name is written into a file with one line for each; a PEM key has lines of its own. */
function refuseControlCharacters({ machine, user }: VpnProfile): void {
  const words = [user?.name, user?.password, machine.kind === 'psk' ? machine.psk : machine.gatewayId];
  if (words.some((word) => CONTROL.test(word ?? '')))
    throw failure('A name or secret of the profile has a control character in it.', STATUS.malformed);
}

/** The software that holds the profile already; else the one that a person at this machine would use. */
async function chooseBackend(tools: Tools, name: string): Promise<Backend> {
  const seen = await look(tools.host);
  const holders = seen.profiles.filter((one) => one.name === name || one.id === ownName(name));
  const has = { networkmanager: hasNetworkManager, strongswan: hasStrongswan, libreswan: hasLibreswan };
  const all = [networkManager, strongswan, libreswan];
  const preferred = all.toSorted((a, b) => rank(a, holders) - rank(b, holders));
  for (const backend of preferred) if (await has[backend.name](tools)) return backend;
  throw failure('No VPN software runs here that can hold a profile.', STATUS.notImplemented);
}

function rank({ name }: Backend, holders: VpnState['profiles']): number {
  return holders.some(({ backend }) => backend === name) ? 0 : 1;
}

/** Ends what is up under this name, from the inside out, whoever set it up. */
export async function takeDown(tools: Tools, name: string): Promise<void> {
  const scope = await readScope(atOnce(tools.host), [name, ownName(name), ownUuid(name)]);
  if (scope.profiles.some(({ state }) => state !== 'down' && state !== 'denied'))
    await endScope(tools, scope);
}

async function bringUp(tools: Tools, backend: Backend, name: string, signal: AbortSignal): Promise<void> {
  refuseAborted(signal);
  if (await isUp(tools, name)) return;
  await takeDown(tools, name);
  await demand(backend.dial(tools, name, signal));
  refuseAborted(signal);
}

async function isUp(tools: Tools, name: string): Promise<boolean> {
  const { profiles } = await look(tools.host);
  return profiles.some((one) => isOwn(one, name) && one.state === 'up');
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw failure('Given up for another order.', STATUS.failed);
}

async function demand(done: Promise<string | null>): Promise<void> {
  const problem = await done;
  if (problem !== null) throw failure(problem, STATUS.failed);
}

type Change = NonNullable<JournalEntry['change']>;

async function orUndo(
  tools: Tools,
  journal: Journal,
  change: Change,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    await takeDown(tools, change.name);
    const left = await undo(tools, journal, change);
    const seen = await look(tools.host, { problems: left === null ? [] : [left] });
    const reason = messageOf(error);
    throw new VpnFailure(
      left === null
        ? `${reason.replace(/\.?$/, '.')} Everything was put back.`
        : `${reason.replace(/\.?$/, '.')} ${left}`,
      error instanceof VpnFailure ? error.status : STATUS.failed,
      seen,
    );
  }
}

/** A session that came up half is none. */
async function orDown(tools: Tools, name: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    await takeDown(tools, name);
    throw error;
  }
}

/** Puts the files back and makes the software read them; null, or what could not be put back, which stays in the journal. */
export async function undo(tools: Tools, journal: Journal, change: Change): Promise<string | null> {
  const backend = [networkManager, strongswan, libreswan].find(({ name }) => name === change.backend);
  try {
    await putBack(tools, change.files);
  } catch (error) {
    const why = messageOf(error);
    return `The files could not be put back (${why}); this is tried again at the next start.`;
  }
  // Software that does not run now reads its files when it starts.
  const problem = await backend?.load(tools, change.name);
  if (problem) tools.log.warn({ problem }, 'VPN software did not read the restored files');
  await journal.note({ change: null });
  return null;
}

function isOwn({ id }: VpnState['profiles'][number], name: string): boolean {
  return id === ownName(name) || id === ownUuid(name);
}

async function verified(
  tools: Tools,
  backend: Backend,
  { name, gateway }: VpnProfile,
  up: boolean,
): Promise<VpnState> {
  const problems = (await backend.doubts?.(tools, name)) ?? [];
  const seen = await look(tools.host, { problems });
  const own = seen.profiles.find((one) => isOwn(one, name));
  if (own === undefined || own.gateway !== gateway)
    throw new VpnFailure('The profile was written but is not seen as written.', STATUS.failed, seen);
  if (up && own.state !== 'up')
    throw new VpnFailure('The profile stands as described but is not connected.', STATUS.failed, seen);
  return seen;
}

function failure(message: string, status: number): VpnFailure {
  return new VpnFailure(message, status, null);
}
