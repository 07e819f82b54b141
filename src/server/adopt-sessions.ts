import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Connections } from './connections.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import { silentSuspects } from './radius-identity.ts';
import { IDENTITIES, type RadiusSettings } from './radius-settings.ts';
import { audit } from './store/audit.ts';
import { findLogin, openOfNobody, updateSession } from './store/sessions.ts';
import type { Db, Store } from './store/store.ts';
import type { SessionRow } from './store/tables.ts';
import { tunnelsFrom } from './store/tunnels.ts';

export type AdoptionParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  fleet: Fleet;
  connections: Connections;
  settings: RadiusSettings;
  /** Brings memory level with the store. */
  changed(device: string): Promise<void>;
  /** Brings the sessions of a device level with what it may do. */
  level(device: string): void;
};

/**
 * Finds the session of a device whose agent was not there yet when it dialled: from then on it is the device's, and
 * gets what the device may. To be called after every report.
 */
export function createAdoption(parts: AdoptionParts): (state: DeviceState) => void {
  const { log } = parts;
  return (state) => {
    // Where gateways tell of sessions, and this device has none.
    if (state.session !== 'none') return;
    adopt(parts, state.id).catch((error: unknown) =>
      log.warn({ err: error, device: state.id }, 'session not looked for'),
    );
  };
}

async function adopt(parts: AdoptionParts, device: string): Promise<void> {
  const { store, clock, connections, settings } = parts;
  const remote = connections.of(device)?.remote;
  // Of several behind one address nobody knows whose it is.
  if (remote === undefined || connections.at(remote).length !== 1) return;
  const isAlone = (await silentSuspects(parts, remote)).length === 0;
  if ((await store.read((db) => adoptable(db, remote, isAlone))).length === 0) return;
  const isEnough = IDENTITIES.indexOf('presence') <= IDENTITIES.indexOf(settings.minimumIdentity);
  const change = { device, ceiling: isEnough ? 'allow' : 'restrict' };
  const count = await store.write(async (db) => {
    const sessions = await adoptable(db, remote, isAlone);
    for (const { id, user } of sessions) {
      await updateSession(db, id, change);
      const detail = { session: id, user, address: remote };
      await audit(db, clock.now(), { actor: 'server', action: 'session found', subject: device, detail });
    }
    return sessions.length;
  });
  if (count === 0) return;
  await parts.changed(device);
  parts.level(device);
}

/** Sessions in which the agent itself speaks, or the one that was opened from where it is while nobody was there. */
async function adoptable(db: Db, remote: string, isAlone: boolean): Promise<SessionRow[]> {
  const found = await openOfNobody(db, remote);
  const inside = found.filter((session) => session.framed_address === remote);
  if (inside.length > 0) return inside;
  const [only] = found;
  if (only === undefined || found.length > 1 || !isAlone || (await tunnelsFrom(db, remote)).length > 1)
    return [];
  const login = await findLogin(db, only.gateway, only.login);
  return login?.reason === 'no_device' ? [only] : [];
}
