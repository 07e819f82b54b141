import { softwareupdate, swVers, systemProfiler } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { parseJson } from '../json.ts';
import { readManaged, readPlist } from '../macos-read.ts';
import { matchLine } from '../macos-values.ts';
import type { Fact } from '../specs.ts';
import {
  countUpdates,
  parseAutomatic,
  parseDeclaredAutomatic,
  parseInstallHistory,
  parseProfiledHistory,
  parseUpdateList,
  parseUpdateState,
  type Update,
} from './macos-updates.ts';

const PREFERENCES = '/Library/Preferences/com.apple.SoftwareUpdate.plist';
const MAX_NAMES = 50;

/**
 * Only what the system's own last check left behind. A check of ours would use the network and move
 * `LastFullSuccessfulDate`, the very date that tells whether the system still checks by itself.
 */
export async function read(host: Host): Promise<Observed<Fact<'os-patch'>>> {
  const preferences = await readPreferences(host);
  const state = parseUpdateState(preferences);
  const updates = state.updates ?? (await readCachedList(host));
  const lastInstalledAt = await readLastInstalled(host);
  const automatic = await readAutomatic(host, preferences);
  if (!updates && [state.checkedAt, lastInstalledAt, automatic].every((value) => value === null)) {
    return unknown('failed', 'softwareupdate: neither its preferences nor its cached list said anything');
  }
  return known({
    manager: 'softwareupdate',
    lastInstalledAt,
    lastCheckedAt: state.checkedAt,
    metadataAt: state.checkedAt,
    ...countUpdates(updates, updates?.length ? await runningVersion(host) : null),
    pendingNames: updates?.map((update) => update.name).slice(0, MAX_NAMES) ?? null,
    // Nothing that may be read without side effects tells of an update that waits for its restart.
    rebootRequired: null,
    rebootReason: null,
    automatic,
  });
}

async function readPreferences(host: Host): Promise<unknown> {
  for (const path of [PREFERENCES, PREFERENCES.replace(/\.plist$/, '')]) {
    const list = await readPlist(host, path);
    if (list.ok) return list.value;
  }
  return undefined;
}

/** The first is the cached list. The others scan: they serve recordings only, as every macOS knows the first. */
const LISTS = [['--list', '--no-scan'], ['-l', '--no-scan'], ['--list'], ['-l']];

async function readCachedList(host: Host): Promise<Update[] | null> {
  for (const argv of LISTS) {
    const answer = await host.run(softwareupdate, argv, { timeoutMs: 20_000 });
    // Its remarks, and sometimes its answer, go to standard error.
    if (answer.failure !== 'not-found') return parseUpdateList(`${answer.stdout}\n${answer.stderr}`);
  }
  return null;
}

async function readLastInstalled(host: Host): Promise<string | null> {
  const history = await readPlist(host, '/Library/Receipts/InstallHistory.plist');
  if (history.ok) return parseInstallHistory(history.value);
  for (const argv of [
    ['-json', 'SPInstallHistoryDataType'],
    ['SPInstallHistoryDataType', '-json'],
  ]) {
    const answer = await host.run(systemProfiler, argv, { timeoutMs: 20_000 });
    if (answer.code === 0) return parseProfiledHistory(parseJson(answer.stdout));
  }
  return null;
}

async function readAutomatic(
  host: Host,
  preferences: unknown,
): Promise<'on' | 'download-only' | 'off' | null> {
  const declared = await readPlist(host, '/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist');
  if (declared.ok && parseDeclaredAutomatic(declared.value) === true) return 'on';
  return parseAutomatic(preferences, await readManaged(host, 'com.apple.SoftwareUpdate'));
}

async function runningVersion(host: Host): Promise<string | null> {
  const answer = await host.run(swVers, ['--productVersion']);
  const text = answer.code === 0 ? answer.stdout : (await host.run(swVers, [])).stdout;
  return matchLine(text, /^(?:ProductVersion:\s*)?(\d+(?:\.\d+)+)\s*$/)?.[1] ?? null;
}
