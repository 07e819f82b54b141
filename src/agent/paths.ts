import { join } from 'node:path';
import type { Platform } from '../../collectors/check.ts';

/** Where each thing lies below the agent's state folder. All but the status file are for the agent's user only. */
export function statePaths(stateDir: string) {
  return {
    lock: join(stateDir, 'agent.lock'),
    enrolment: join(stateDir, 'enrolment.json'),
    sequence: join(stateDir, 'sequence.json'),
    clock: join(stateDir, 'clock.json'),
    orders: join(stateDir, 'orders.json'),
    standing: join(stateDir, 'standing.json'),
    certificate: join(stateDir, 'certificate.json'),
    credential: join(stateDir, 'credential.json'),
    status: join(stateDir, 'status.json'),
    checkTimes: join(stateDir, 'check-times.json'),
    runs: join(stateDir, 'runs.json'),
    days: join(stateDir, 'days.json'),
    managed: join(stateDir, 'managed.json'),
    spool: join(stateDir, 'spool'),
  };
}

export type StatePaths = ReturnType<typeof statePaths>;

const PLATFORMS: Readonly<Record<string, Platform>> = { linux: 'linux', darwin: 'macos', win32: 'windows' };

/** What Node calls the system, in our words. Throws on a system for which there are no readers. */
export function platformOf(name: string): Platform {
  const platform = PLATFORMS[name];
  if (platform === undefined) throw new Error(`Drawbridge does not run on ${name}.`);
  return platform;
}

export type DefaultPaths = { config: string; stateDir: string };

/** `home` matters only without root. The service's places are the ones that the installers create. */
export function defaultPaths(platform: Platform, isRoot: boolean, home: string): DefaultPaths {
  if (!isRoot && platform !== 'windows') {
    return {
      config: join(home, '.config', 'drawbridge', 'agent.yaml'),
      stateDir: join(home, '.local', 'state', 'drawbridge'),
    };
  }
  return SERVICE_PATHS[platform];
}

export const SERVICE_PATHS: Record<Platform, DefaultPaths> = {
  linux: { config: '/etc/drawbridge/agent.yaml', stateDir: '/var/lib/drawbridge' },
  macos: {
    config: '/Library/Application Support/Drawbridge/agent.yaml',
    stateDir: '/Library/Application Support/Drawbridge/state',
  },
  windows: {
    config: 'C:\\ProgramData\\Drawbridge\\agent.yaml',
    stateDir: 'C:\\ProgramData\\Drawbridge\\state',
  },
};

/** The name of the application on macOS, and of the preferences that device management forces there. */
export const BUNDLE_ID = 'io.drawbridge.agent';

/** Where device management leaves its settings on Linux: a file of root's. */
export const MANAGED_FILE = '/etc/drawbridge/managed.yaml';

/** Where group policy and device management leave them on Windows. */
export const POLICY_KEY = 'HKLM\\SOFTWARE\\Policies\\Drawbridge\\Agent';
