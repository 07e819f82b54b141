import { zfs, zpool } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import type { Crypt } from './linux-block.ts';
import { mapped } from './linux-crypt.ts';

type Properties = ReadonlyMap<string, string>;

const PROPERTIES = 'encryption,keystatus,encryptionroot,mounted,mountpoint';

/** The encryption of ZFS's own, by dataset: a child may be plain below an encrypted parent. Empty when ZFS does not answer. */
export async function readDatasets(
  host: Host,
  datasets: readonly string[],
): Promise<Map<string, Crypt | null>> {
  if (datasets.length === 0) return new Map();
  const ask = ['get', '-Hp', '-o', 'name,property,value', PROPERTIES];
  for (const argv of [[...ask, ...datasets], ask]) {
    const { code, stdout } = await host.run(zfs, argv);
    if (code === 0) return parseZfsGet(stdout);
  }
  return new Map();
}

/** Lines `dataset<TAB>property<TAB>value`; null for a dataset that ZFS does not encrypt. */
export function parseZfsGet(text: string): Map<string, Crypt | null> {
  const datasets = new Map<string, Map<string, string>>();
  for (const line of text.split('\n')) {
    const [name, property, value] = line.split('\t');
    if (name === undefined || property === undefined || value === undefined) continue;
    datasets.set(name, (datasets.get(name) ?? new Map<string, string>()).set(property, value.trim()));
  }
  const stated = [...datasets].filter(([, properties]) => properties.has('encryption'));
  return new Map(stated.map(([name, properties]) => [name, cryptOf(properties)]));
}

function cryptOf(properties: Properties): Crypt | null {
  const encryption = properties.get('encryption') ?? 'off';
  if (encryption === 'off' || encryption === '-') return null;
  // `on` is how a dataset is created; the default cipher stands for it ever since.
  return mapped(`zfs-${encryption === 'on' ? 'aes-256-gcm' : encryption}`);
}

/** Device paths below a pool, where ZFS itself lies on something encrypted. */
export async function readPoolDevices(host: Host, dataset: string): Promise<string[]> {
  const [pool = ''] = dataset.split('/');
  const { code, stdout } = await host.run(zpool, ['list', '-v', '-H', '-P', pool]);
  return code === 0 ? parsePoolDevices(stdout) : [];
}

/** Indented lines name what the pool is made of: devices by path, `mirror-0` and the like between them. */
export function parsePoolDevices(text: string): string[] {
  return [...text.matchAll(/^[ \t]+(\/dev\/\S+)/gm)].map(([, path = '']) => path);
}
