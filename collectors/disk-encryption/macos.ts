import { diskutil, fdesetup } from '../../src/base/commands.ts';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { runPlist, unanswered } from '../macos-read.ts';
import { parseApfsText } from './macos-apfs-text.ts';
import { parseFdesetup } from './macos-fdesetup.ts';
import { factsOf, judge, merge } from './macos-judge.ts';
import { parseApfsList, parseDiskInfo, parseProtectors, type ApfsVolume } from './macos-volumes.ts';
import type { DiskEncryption } from './spec.ts';

const MAX_VOLUMES = 200;

/** `diskutil` knows each volume, `fdesetup` what is still under way; either alone is enough for an answer. */
export async function read(host: Host): Promise<Observed<DiskEncryption>> {
  const volumes = merge(await readList(host), await readMounted(host));
  const answer = await host.run(fdesetup, ['status']);
  const status = answer.code === null ? null : parseFdesetup(answer.stdout);
  const system = judge(volumes, status);
  if (!system) return unanswered('fdesetup status', answer);
  const protectors = parseProtectors(await runPlist(host, diskutil, ['apfs', 'listUsers', '/', '-plist']));
  return known({ system, volumes: factsOf(volumes, status, protectors).slice(0, MAX_VOLUMES) });
}

async function readMounted(host: Host): Promise<ApfsVolume[]> {
  const infos = await Promise.all(
    ['/System/Volumes/Data', '/'].map((mount) => runPlist(host, diskutil, ['info', '-plist', mount])),
  );
  return infos.flatMap((info) => parseDiskInfo(info) ?? []);
}

async function readList(host: Host): Promise<ApfsVolume[]> {
  const list = parseApfsList(await runPlist(host, diskutil, ['apfs', 'list', '-plist']));
  if (list.length > 0) return list;
  const text = await host.run(diskutil, ['apfs', 'list']);
  return text.code === 0 ? parseApfsText(text.stdout) : [];
}
