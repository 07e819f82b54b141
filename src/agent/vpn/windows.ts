import { join } from 'node:path';
import { z } from 'zod';
import type { Host } from '../../../collectors/check.ts';
import { writeAtomic } from '../../base/atomic-file.ts';
import type { Logger } from '../../base/log.ts';
import { STATUS } from '../../wire/order.ts';
import { stateFile, type StateFile } from '../state-file.ts';
import { VpnFailure, type VpnDriver, type VpnState, type VpnWanted } from './driver.ts';
import { BOOK, withEntryOf } from './windows-book.ts';
import { deny } from './windows-deny.ts';
import { setProfile, setWant } from './windows-set.ts';
import { actAndLook, newGeneration, problemIn, type WindowsTools } from './windows-tools.ts';

export type WindowsVpnOptions = {
  host: Host;
  /** The agent's state folder: what has to be undone after a crash lies there. */
  stateFolder: string;
  log: Logger;
  generation?: () => string;
  /** Replaces a file in one step. */
  replaceFile?: (path: string, content: Uint8Array) => Promise<void>;
};

/** A change of the phone book of all users that has begun. Null: there was no book. */
const change = () =>
  z.strictObject({
    change: z.strictObject({ name: z.string(), was: z.base64().nullable() }).nullable(),
  });

/** What undoes a change: what was before, and the way to put it back. */
type Undo = {
  journal: StateFile<z.infer<ReturnType<typeof change>>>;
  replaceFile(path: string, content: Uint8Array): Promise<void>;
};

/** Windows' own L2TP client (RasMan). Driven by documented commands; never yet run on a real Windows by us. */
export function windowsVpn(options: WindowsVpnOptions): VpnDriver {
  const { host, log, stateFolder, generation = newGeneration, replaceFile = writeAtomic } = options;
  const tools: WindowsTools = { host, log, generation };
  const journal = stateFile(join(stateFolder, 'vpn-driver.json'), change, log);
  const undo = { journal, replaceFile };
  return {
    inspect: async () => (await actAndLook(tools, { files: [], probes: [], want: {} })).seen,
    apply: (want) => apply(tools, undo, want),
    remove: (name) => remove(tools, name),
    restore: () => restore(tools, undo),
  };
}

function apply(tools: WindowsTools, undo: Undo, want: VpnWanted): Promise<VpnState> {
  switch (want.state) {
    case 'denied':
      return deny(tools, want.profiles);
    case 'allowed':
      return allow(tools);
    case 'set':
      return set(tools, undo, want);
  }
}

async function allow(tools: WindowsTools): Promise<VpnState> {
  const { lookup, seen } = await actAndLook(tools, {
    files: ['src/agent/vpn/windows-allow.ps1'],
    probes: ['lifted'],
    want: {},
  });
  const problem = problemIn(lookup, 'lifted');
  if (problem !== null || seen.block !== 'none' || seen.problems.length > 0)
    throw new VpnFailure(
      [problem ?? 'whether the block is gone could not be seen', ...seen.problems].join('; '),
      STATUS.failed,
      seen,
    );
  return seen;
}

async function remove(tools: WindowsTools, name: string): Promise<VpnState> {
  const act = { files: ['src/agent/vpn/windows-remove.ps1'], probes: ['removed'], want: { name } };
  const { lookup, seen } = await actAndLook(tools, act);
  const isLeft = seen.profiles.some((one) => one.name === name && one.scope !== 'user');
  const problem = problemIn(lookup, 'removed') ?? (isLeft ? `${name} is still there` : null);
  if (problem !== null) throw new VpnFailure(problem, STATUS.failed, seen);
  return seen;
}

/** Written down first, with the book as it was; what cannot be done at all is found out before. */
async function set(
  tools: WindowsTools,
  undo: Undo,
  { profile, up }: Extract<VpnWanted, { state: 'set' }>,
): Promise<VpnState> {
  setWant(profile, up);
  const book = await readBookBytes(tools.host);
  const was = book === null ? null : Buffer.from(book).toString('base64');
  await undo.journal.write({ change: { name: profile.name, was } });
  const { seen, failure, stands } = await setProfile(tools, profile, up);
  if (stands) await undo.journal.write({ change: null });
  else await restore(tools, undo);
  if (failure !== null) throw failure;
  return seen;
}

/** Null where there is none yet. */
async function readBookBytes(host: Host): Promise<Uint8Array | null> {
  const book = await host.readBytes(BOOK);
  if (book.ok) return book.value;
  if (book.error === 'missing') return null;
  throw new VpnFailure(`the phone book cannot be read: ${book.error}`, STATUS.failed, null);
}

/**
 * The entry alone goes back, other changes since then stay. A pre-shared key lies where only Windows reads: one that
 * was written over cannot be brought back.
 */
async function restore({ host, log }: WindowsTools, { journal, replaceFile }: Undo): Promise<void> {
  const interrupted = (await journal.read())?.change ?? null;
  if (interrupted === null) return;
  const now = Buffer.from((await readBookBytes(host)) ?? []).toString('latin1');
  const was = interrupted.was === null ? null : Buffer.from(interrupted.was, 'base64').toString('latin1');
  const name = Buffer.from(interrupted.name, 'utf8').toString('latin1');
  const restored = withEntryOf(now, was, name);
  if (restored !== now) await replaceFile(BOOK, Buffer.from(restored, 'latin1'));
  await journal.write({ change: null });
  log.warn(
    { connection: interrupted.name },
    'an interrupted change of a VPN connection was undone, all but its key',
  );
}
