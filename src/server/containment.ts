import type { Logger } from '../base/log.ts';
import type { Clock } from '../base/clock.ts';
import { isLevel, planContainment } from './containment-plan.ts';
import { isOutdated, type Terms } from './decide.ts';
import type { DeviceState } from './device-state.ts';
import type { DaeDoor } from './containment-dae.ts';
import { createNasQueue, type NasQueue } from './nas-queue.ts';
import type { RadiusSettings } from './radius-settings.ts';
import { revokedWithSessions } from './store/sessions.ts';
import type { Store } from './store/store.ts';

/** Brings VPN sessions that are up level with what their device may do, at the NAS. The laptop itself has its orders. */
export type Containment = {
  /** To be called after each decision, report and new session. Does nothing for a device without a session. */
  level(state: DeviceState): void;
  /** To be called for a device that is live no more: its sessions are ended. */
  end(device: string): void;
  /** Asks NASes until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
};

export type ContainmentParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  settings: RadiusSettings;
  /** By the NAS's name in the settings. */
  doors: ReadonlyMap<string, DaeDoor>;
  terms: () => Terms;
  changed(device: string): Promise<void>;
};

const HOUR_MS = 3_600_000;

export function createContainment(parts: ContainmentParts): Containment {
  const { log, settings, doors } = parts;
  const queues = new Map<string, NasQueue>();
  for (const nas of settings.nas) {
    const door = doors.get(nas.name);
    if (door !== undefined) queues.set(nas.name, createNasQueue(parts, nas, door));
  }
  const ask = (device: string, planned: Promise<string[]>) => {
    planned.then(
      (names) => names.forEach((name) => queues.get(name)?.ring()),
      (error: unknown) => log.warn({ err: error, device }, 'sessions not levelled'),
    );
  };
  const end = (device: string) => {
    if (queues.size > 0) ask(device, planEnd(parts, device));
  };
  return {
    end,
    level(state) {
      if (queues.size === 0 || typeof state.session === 'string') return;
      ask(state.id, plan(parts, state));
    },
    async run(signal) {
      // Revoked while no server ran.
      (await parts.store.read(revokedWithSessions).catch((): string[] => [])).forEach(end);
      await Promise.all([...queues.values()].map((queue) => queue.run(signal)));
      while (!signal.aborted) await parts.clock.sleep(HOUR_MS, signal).catch(() => {});
    },
  };
}

function planEnd({ store, clock, settings }: ContainmentParts, device: string): Promise<string[]> {
  const verdict = { device, access: 'deny' as const, cause: 'This device was removed.', outdated: false };
  return store.write((db) => planContainment(db, verdict, settings, clock.now()));
}

async function plan(
  { store, clock, settings, terms }: ContainmentParts,
  state: DeviceState,
): Promise<string[]> {
  if (state.decision === null) return [];
  const { access, sentence: cause } = state.decision.decision;
  const now = clock.now();
  const verdict = { device: state.id, access, cause, outdated: isOutdated(state, terms(), now) };
  // Nearly every report finds everything as it should be: nobody has to wait for a write.
  if (await store.read((db) => isLevel(db, verdict, settings, now))) return [];
  return store.write((db) => planContainment(db, verdict, settings, now));
}
