import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { readKey, type RegistryValues } from '../windows-registry.ts';
import { hashMachineId } from './machine-id.ts';
import { parseWazuhKeys } from './sensors.ts';
import type { AgentFact } from './spec.ts';

const CRYPTOGRAPHY = 'HKLM\\SOFTWARE\\Microsoft\\Cryptography';
/** Counts the starts of the system; the only id of a boot that Windows keeps. */
const PREFETCH =
  'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters';
const DEFENDER_FOR_ENDPOINT = 'HKLM\\SOFTWARE\\Microsoft\\Windows Advanced Threat Protection';
const FALCON =
  'HKLM\\SYSTEM\\CrowdStrike\\{9b03c1d9-3138-44ed-9fae-d9f4c034b88d}\\{16e0423f-7058-48c9-a204-725362b67639}\\Default';
const WAZUH_KEYS = 'C:\\Program Files (x86)\\ossec-agent\\client.keys';

export async function read(host: Host): Promise<Observed<AgentFact>> {
  const { managed, ...self } = host.self;
  const [cryptography, prefetch, sensors] = await Promise.all([
    readKey(host, CRYPTOGRAPHY),
    readKey(host, PREFETCH),
    readSensors(host),
  ]);
  return known({
    ...self,
    managed: [...managed],
    bootId: parseBootId(prefetch),
    machineId: parseMachineId(cryptography),
    sensors,
  });
}

export function parseBootId(values: RegistryValues | null): string | null {
  const count = values?.get('BootId');
  return typeof count === 'number' ? String(count) : null;
}

/** MachineGuid as our keyed hash. An image that was cloned without Sysprep carries it along. */
export function parseMachineId(values: RegistryValues | null): string | null {
  const id = String(values?.get('MachineGuid')).toLowerCase();
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? hashMachineId(id) : null;
}

async function readSensors(host: Host): Promise<AgentFact['sensors']> {
  const [defender, falcon, wazuh] = await Promise.all([
    readKey(host, DEFENDER_FOR_ENDPOINT),
    readKey(host, FALCON),
    host.readText(WAZUH_KEYS),
  ]);
  return {
    defender: hexId(defender?.get('senseId'), 40),
    falcon: hexId(falcon?.get('AG'), 32),
    // Its agent's id is answered only by a program whose path holds the product's version.
    sentinelone: null,
    wazuh: wazuh.ok ? parseWazuhKeys(wazuh.value) : null,
  };
}

function hexId(value: number | string | undefined, digits: number): string | null {
  const id = String(value).toLowerCase();
  return id.length === digits && /^[0-9a-f]+$/.test(id) ? id : null;
}
