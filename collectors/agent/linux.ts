import { linuxFalconctl, mdatp, sentinelctl } from '../../src/base/commands.ts';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { hashMachineId } from './machine-id.ts';
import { idFrom, parseDefenderId, parseFalconAid, parseSentinelOneUuid, parseWazuhKeys } from './sensors.ts';
import type { AgentFact } from './spec.ts';

export async function read(host: Host): Promise<Observed<AgentFact>> {
  const { managed, ...self } = host.self;
  const [bootId, machineId, sensors] = await Promise.all([
    readBootId(host),
    readMachineId(host),
    readSensors(host),
  ]);
  return known({ ...self, managed: [...managed], bootId, machineId, sensors });
}

async function readBootId(host: Host): Promise<string | null> {
  const text = await host.readText('/proc/sys/kernel/random/boot_id');
  const id = text.ok ? text.value.trim() : '';
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id) ? id : null;
}

async function readMachineId(host: Host): Promise<string | null> {
  const text = await host.readText('/etc/machine-id');
  return text.ok ? parseMachineId(text.value) : null;
}

/** machine-id(5) as our keyed hash; null in an image that was never booted (empty or `uninitialized`). */
export function parseMachineId(text: string): string | null {
  const id = text.trim();
  return /^(?!0{32}$)[0-9a-f]{32}$/.test(id) ? hashMachineId(id) : null;
}

async function readSensors(host: Host): Promise<AgentFact['sensors']> {
  const [defender, falcon, sentinelone, wazuh] = await Promise.all([
    idFrom(host, mdatp, ['health', '--output', 'json'], parseDefenderId),
    idFrom(host, linuxFalconctl, ['-g', '--aid'], parseFalconAid),
    idFrom(host, sentinelctl, ['management', 'status'], parseSentinelOneUuid),
    readWazuhId(host),
  ]);
  return { defender, falcon, sentinelone, wazuh };
}

async function readWazuhId(host: Host): Promise<string | null> {
  const keys = await host.readText('/var/ossec/etc/client.keys');
  return keys.ok ? parseWazuhKeys(keys.value) : null;
}
