import { watch, type FSWatcher } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createBell, type Bell } from './bell.ts';

/** Whoever is logged in at this computer. */
export type LoggedIn = {
  /** Numeric ids. Never rejects. */
  list(): Promise<number[]>;
  /** Rings when that may have changed, until `signal` aborts. */
  watch(signal: AbortSignal): Bell<void>;
};

/** Milliseconds between looks: where the system tells of no change, and where it does. */
const LOOK_MS = 2_000;
const TOLD_LOOK_MS = 60_000;

/** logind, and what stands in for it, keeps a folder a user for as long as that user is logged in. */
export function linuxLoggedIn(folder = '/run/user'): LoggedIn {
  return {
    async list() {
      const names = await readdir(folder).catch(() => []);
      return names.filter((name) => /^\d{1,10}$/.test(name)).map(Number);
    },
    watch: (signal) => watching(folder, signal),
  };
}

/** The console belongs to whoever sits in front of the screen. Never yet run on a real Mac by us. */
export function macosLoggedIn(device = '/dev/console'): LoggedIn {
  return {
    async list() {
      const owner = await stat(device).catch(() => null);
      return owner === null || owner.uid === 0 ? [] : [owner.uid];
    },
    watch(signal) {
      const bell = createBell<void>();
      looking(signal, () => {
        bell.ring();
        return LOOK_MS;
      });
      return bell;
    },
  };
}

/** An agent that runs as somebody else than root serves that user alone. */
export function onlyUser(uid: number): LoggedIn {
  return { list: async () => [uid], watch: () => createBell() };
}

/** Rings at what the system tells of the folder, and after a while all the same. */
function watching(folder: string, signal: AbortSignal): Bell<void> {
  const bell = createBell<void>();
  let told: FSWatcher | null = null;
  looking(signal, () => {
    // Anew each time: the folder itself may be another one by now.
    told?.close();
    told = watchFolder(folder, () => bell.ring(), signal);
    bell.ring();
    return told === null ? LOOK_MS : TOLD_LOOK_MS;
  });
  return bell;
}

/** Looks now, and again after as many milliseconds as the look says, until `signal` aborts. */
function looking(signal: AbortSignal, look: () => number): void {
  let timer: NodeJS.Timeout;
  const next = () => {
    timer = setTimeout(next, look()).unref();
  };
  next();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** Null where the system cannot tell: the folder is not there before the first user is. */
function watchFolder(folder: string, ring: () => void, signal: AbortSignal): FSWatcher | null {
  try {
    return watch(folder, { signal, persistent: false }, ring).on('error', () => {});
  } catch {
    return null;
  }
}
