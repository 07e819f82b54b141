import { watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createBell, type Bell } from './bell.ts';

/** Whoever is logged in at this computer. */
export type LoggedIn = {
  /** Numeric ids. Never rejects. */
  list(): Promise<number[]>;
  /** Rings when that may have changed, until `signal` aborts. */
  watch(signal: AbortSignal): Bell<void>;
};

/** Milliseconds between looks, besides those at which the system tells of a change. */
const LOOK_MS = 2_000;

/** logind, and what stands in for it, keeps a folder a user for as long as that user is logged in. */
export function linuxLoggedIn(folder = '/run/user'): LoggedIn {
  return {
    async list() {
      const names = await readdir(folder).catch(() => []);
      return names.filter((name) => /^\d{1,10}$/.test(name)).map(Number);
    },
    watch: (signal) => looking(signal, (ring) => watchFolder(folder, ring, signal)),
  };
}

/** The console belongs to whoever sits in front of the screen. Never yet run on a real Mac by us. */
export function macosLoggedIn(device = '/dev/console'): LoggedIn {
  return {
    async list() {
      const owner = await stat(device).catch(() => null);
      return owner === null || owner.uid === 0 ? [] : [owner.uid];
    },
    watch: (signal) => looking(signal, () => {}),
  };
}

/** An agent that runs as somebody else than root serves that user alone. */
export function onlyUser(uid: number): LoggedIn {
  return { list: async () => [uid], watch: () => createBell() };
}

function looking(signal: AbortSignal, also: (ring: () => void) => void): Bell<void> {
  const bell = createBell<void>();
  const timer = setInterval(() => bell.ring(), LOOK_MS).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  also(() => bell.ring());
  return bell;
}

/** Where the system cannot tell of changes, looking regularly has to do. */
function watchFolder(folder: string, ring: () => void, signal: AbortSignal): void {
  try {
    watch(folder, { signal, persistent: false }, ring).on('error', () => {});
  } catch {
    // The folder is not there before the first user is.
  }
}
