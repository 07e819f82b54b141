import type { Platform } from '../../../collectors/check.ts';
import { STATUS } from '../../wire/order.ts';
import { IsolationFailure, type Isolation, type IsolationHost } from './isolation.ts';

const tables: Record<Platform, () => Promise<(host: IsolationHost) => Isolation>> = {
  linux: async () => (await import('./isolation-linux.ts')).linuxIsolation,
  windows: async () => {
    const { windowsIsolation } = await import('./isolation-windows.ts');
    return (host) => windowsIsolation(host);
  },
  macos: async () => () => notBuilt,
};

const NOT_BUILT = 'Isolation is not built for this system yet.';

const notBuilt: Isolation = {
  inspect: async () => ({ state: 'unknown', reach: [], problems: [NOT_BUILT] }),
  apply: () => Promise.reject(new IsolationFailure(NOT_BUILT, null, STATUS.notImplemented)),
  lift: () => Promise.reject(new IsolationFailure(NOT_BUILT, null, STATUS.notImplemented)),
};

/** The way in which an operating system cuts itself off. */
export async function loadIsolation(platform: Platform, host: IsolationHost): Promise<Isolation> {
  return (await tables[platform]())(host);
}
