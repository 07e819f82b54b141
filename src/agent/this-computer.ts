import { hostname } from 'node:os';
import { NO_QUESTIONS, type AgentSelf, type Platform } from '../../collectors/check.ts';
import { iso } from '../base/clock.ts';
import type { EnrolClaims } from '../wire/enrolment.ts';
import { productVersion } from '../base/version.ts';
import type { AgentConfig } from './config-schema.ts';
import type { Enrolment } from './enrol.ts';
import { readHardwareIds } from './hardware.ts';
import { createHost } from './host.ts';
import type { KeyChoice } from './key-choice.ts';
import { loadReaders } from './readers.ts';

export type Place = { config: AgentConfig; platform: Platform; stateDir: string };

/** What this computer brings along when it enrols. */
export async function thisComputer(place: Place): Promise<Pick<Enrolment, 'keys' | 'host' | 'caFile'>> {
  const { config, platform } = place;
  return {
    keys: keyChoiceOf(place),
    host: { name: hostname(), platform, ...(await hardware(place)) },
    caFile: config.server.caFile,
  };
}

/** Where this computer's keys are to be. */
export function keyChoiceOf({ config, platform, stateDir }: Place): KeyChoice {
  return {
    wanted: config.keyStore,
    platform,
    home: { stateDir, tcti: config.tpm },
    isRoot: process.getuid?.() === 0,
    hasSession: process.env.DBUS_SESSION_BUS_ADDRESS !== undefined,
  };
}

/** The hashes by which a server recognises the same hardware; what cannot be read is left out. */
async function hardware({
  platform,
  stateDir,
}: Place): Promise<Pick<EnrolClaims['host'], 'machine_id' | 'hardware_ids'>> {
  const readers = await loadReaders(platform);
  const host = createHost({ self: newcomer, questions: NO_QUESTIONS, cacheFolder: stateDir });
  const reading = await readers.agent(host).catch(() => null);
  const machineId = reading?.state === 'known' ? reading.fact.machineId : null;
  return { machine_id: machineId, hardware_ids: await readHardwareIds(host, platform) };
}

/** What an agent that has never run says of itself. */
function newcomer(): AgentSelf {
  return {
    version: productVersion(),
    startedAt: iso(Date.now()),
    keyProtection: null,
    integrity: null,
    spoolDropped: 0,
    crashes: 0,
    managed: [],
  };
}
