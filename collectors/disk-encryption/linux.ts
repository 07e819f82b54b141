import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { containerOf } from '../linux-container.ts';
import { readMounts } from '../linux-mounts.ts';
import { markKeyFiles } from './linux-keys.ts';
import type { DiskEncryption } from './spec.ts';
import { readStorage } from './linux-storage.ts';
import { describePlace, judgeSystem } from './linux-volumes.ts';

const MAX_VOLUMES = 200;

export async function read(host: Host): Promise<Observed<DiskEncryption>> {
  const container = await containerOf(host);
  if (container !== null)
    return unknown('unsupported', `a container (${container}): its disks are another system's`);
  const mounts = await readMounts(host);
  const found = await readStorage(host, mounts);
  if (found === null)
    return unknown('unsupported', 'neither sysfs nor lsblk shows the disk of the root file system');
  const storage = await markKeyFiles(host, found, mounts);
  const described = storage.places.map((place) => ({ place, volume: describePlace(place, storage.tree) }));
  const missing = described.find(({ place, volume }) => volume === null && isRequired(place.role));
  if (missing)
    return unknown('unparsable', `how ${missing.place.point ?? missing.place.source} is kept cannot be told`);
  const volumes = described.flatMap(({ volume }) => (volume ? [volume] : []));
  const system = judgeSystem(volumes);
  return system === null
    ? unknown('unsupported', 'the system lies on no disk of this machine')
    : known({ system, volumes: volumes.slice(0, MAX_VOLUMES) });
}

function isRequired(role: string): boolean {
  return role === 'system' || role === 'data' || role === 'swap';
}
