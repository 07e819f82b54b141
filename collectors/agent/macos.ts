import { ioreg, macMdatp, sysctl } from '../../src/base/commands.ts';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { readFalcon } from '../macos-falcon.ts';
import { readSentinel, sentinelId } from '../macos-sentinelone.ts';
import { hashMachineId } from './machine-id.ts';
import { idFrom, parseDefenderId, parseWazuhKeys } from './sensors.ts';
import type { AgentFact } from './spec.ts';

export async function read(host: Host): Promise<Observed<AgentFact>> {
  const { managed, ...self } = host.self;
  const [boot, platform, sensors] = await Promise.all([
    host.run(sysctl, ['-n', 'kern.bootsessionuuid']),
    host.run(ioreg, ['-rd1', '-c', 'IOPlatformExpertDevice']),
    readSensors(host),
  ]);
  return known({
    ...self,
    managed: [...managed],
    bootId: parseBootId(boot.stdout),
    machineId: parsePlatformId(platform.stdout),
    sensors,
  });
}

const UUID = '[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}';

export function parseBootId(text: string): string | null {
  return new RegExp(`^${UUID}$`, 'i').exec(text.trim())?.[0].toLowerCase() ?? null;
}

/** `ioreg`'s `"IOPlatformUUID" = "…"` as our keyed hash. */
export function parsePlatformId(text: string): string | null {
  const id = new RegExp(`"IOPlatformUUID" = "(${UUID})"`, 'i').exec(text)?.[1];
  return id === undefined ? null : hashMachineId(id.toUpperCase());
}

async function readSensors(host: Host): Promise<AgentFact['sensors']> {
  const [defender, falcon, sentinel, wazuh] = await Promise.all([
    idFrom(host, macMdatp, ['health', '--output', 'json'], parseDefenderId),
    readFalcon(host),
    readSentinel(host),
    host.readText('/Library/Ossec/etc/client.keys'),
  ]);
  return {
    defender,
    falcon: falcon?.agentId ?? null,
    sentinelone: sentinelId(sentinel?.status ?? null),
    wazuh: wazuh.ok ? parseWazuhKeys(wazuh.value) : null,
  };
}
