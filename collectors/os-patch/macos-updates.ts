import { at, flagOf, itemsOf, linesOf, matchLine, textOf, timeOf } from '../macos-values.ts';

export type Update = {
  name: string;
  /** The release it leads to, such as 26.6.2; Safari's own number for Safari. */
  version: string | null;
  kind: 'system' | 'safari';
  /** What Apple itself calls it, where the product key says so (`MSU_UPDATE_<build>_patch_<version>_minor`). */
  step: 'minor' | 'major' | null;
};

export type UpdateState = {
  /** Null when the list cannot be trusted. */
  updates: Update[] | null;
  checkedAt: string | null;
};

/**
 * `/Library/Preferences/com.apple.SoftwareUpdate.plist`. Its counters (`LastUpdatesAvailable`) stopped being kept in
 * 15.4, so the entries are counted; after a session that failed the entries are old news and count for nothing.
 */
export function parseUpdateState(list: unknown): UpdateState {
  const recommended = at(list, 'RecommendedUpdates');
  const failed = flagOf(at(list, 'LastSessionSuccessful')) === false;
  return {
    updates: !failed && Array.isArray(recommended) ? recommended.flatMap(recommendedUpdate) : null,
    checkedAt:
      timeOf(at(list, 'LastFullSuccessfulDate')) ??
      timeOf(at(list, 'LastSuccessfulDate')) ??
      timeOf(at(list, 'LastBackgroundSuccessfulDate')),
  };
}

function recommendedUpdate(entry: unknown): Update[] {
  const name = textOf(at(entry, 'Display Name')) ?? textOf(at(entry, 'Identifier'));
  const key = textOf(at(entry, 'Product Key')) ?? '';
  const step = /_(minor|major|rsr)$/.exec(key)?.[1] ?? null;
  return updateOf(name, textOf(at(entry, 'Display Version')), step === 'rsr' ? 'minor' : step);
}

/**
 * `softwareupdate --list`: `* Label: …` and below it `Title: …, Version: …, Size: …, Recommended: YES, Action: restart,`.
 * "No new software available." comes on either stream. Null for anything else: a failed scan also prints no label.
 */
export function parseUpdateList(text: string): Update[] | null {
  if (/Can.t connect|NSURLErrorDomain|could not be/i.test(text)) return null;
  if (matchLine(text, /^No (?:new )?(?:software|updates) (?:is |are )?available/i)) return [];
  if (!matchLine(text, /^Software Update found/)) return null;
  return linesOf(text).flatMap((line) => {
    const match = TITLE.exec(line) ?? OLD_TITLE.exec(line);
    return match ? updateOf(match[1] ?? null, match[2] ?? null, null) : [];
  });
}

const TITLE = /^\s+Title: (.+?), Version: ([^,]*),/;
/** Before 10.15: `macOS 10.14.6 Update (10.14.6), 2675840K [recommended] [restart]`. */
const OLD_TITLE = /^\s+(\S.*?) \(([\d.]*)\), \d+K\b/;

/** Command line tools, drivers and fonts are offered by the same tool, but are no part of the system. */
function updateOf(name: string | null, version: string | null, step: string | null): Update[] {
  const kind = kindOf(name ?? '');
  if (name === null || kind === null) return [];
  return [{ name, version, kind, step: step === 'minor' || step === 'major' ? step : null }];
}

/** Names are Apple's product names and the same in every language. */
function kindOf(name: string): Update['kind'] | null {
  if (/^Safari\b/.test(name)) return 'safari';
  const system = /^(?:Install )?macOS\b|^OS X\b|^Security Update\b|Security (?:Response|Improvement)/;
  return system.test(name) ? 'system' : null;
}

export type Counts = { pending: number | null; pendingSecurity: number | null; pendingMajor: number | null };

/**
 * Splits what is offered into this release's updates and the next release. Apple labels nothing as a security update;
 * it publishes fixed vulnerabilities for practically every update of macOS and of Safari, so each of them counts.
 * When the running release is not known and the entry does not say, it counts as an update of this release.
 */
export function countUpdates(updates: readonly Update[] | null, runningVersion: string | null): Counts {
  if (!updates) return { pending: null, pendingSecurity: null, pendingMajor: null };
  const steps = updates.map((update) => stepOf(update, runningVersion));
  const minor = steps.filter((step) => step !== 'major').length;
  return {
    pending: minor,
    pendingSecurity: minor,
    pendingMajor: steps.includes(null) ? null : steps.length - minor,
  };
}

function stepOf(update: Update, runningVersion: string | null): Update['step'] {
  if (update.kind === 'safari') return 'minor';
  if (update.step) return update.step;
  const offered = release(update.version);
  const running = release(runningVersion);
  if (offered === null || running === null) return null;
  return offered === running ? 'minor' : 'major';
}

/** 26 for 26.6.2; before macOS 11 the release was the second number. */
function release(version: string | null): string | null {
  return /^(10\.\d+|\d+)/.exec(version ?? '')?.[1] ?? null;
}

/**
 * Whether security fixes install themselves: by the switch for security responses (`CriticalUpdateInstall`) or by
 * the one for macOS as a whole. An absent switch is on (Apple's documented default), but a list without any of them
 * says nothing.
 */
export function parseAutomatic(local: unknown, managed: unknown): 'on' | 'download-only' | 'off' | null {
  const names = [
    'AutomaticCheckEnabled',
    'AutomaticDownload',
    'AutomaticallyInstallMacOSUpdates',
    'CriticalUpdateInstall',
  ];
  const [check, download, system, critical] = names.map(
    (name) => flagOf(at(managed, name)) ?? flagOf(at(local, name)),
  );
  if ([check, download, system, critical].every((value) => value === null)) return null;
  if (check === false) return 'off';
  if (system !== false || critical !== false) return 'on';
  return download === false ? 'off' : 'download-only';
}

/** `SoftwareUpdateDDMStatePersistence.plist`: what declarative management sets outranks every preference. */
export function parseDeclaredAutomatic(list: unknown): boolean | null {
  const fields = at(list, 'SUCorePersistedStatePolicyFields', 'SUCoreDDMDeclarationGlobalSettings');
  return flagOf(at(fields, 'automaticallyInstallSystemAndSecurityUpdates'));
}

/** When the system itself was last updated, by `/Library/Receipts/InstallHistory.plist`. */
export function parseInstallHistory(list: unknown): string | null {
  return latest(
    itemsOf(list)
      .filter((entry) => !isInstallerOnly(entry))
      .map((entry) => installedAt(at(entry, 'displayName'), at(entry, 'date'))),
  );
}

/** The same by `system_profiler -json SPInstallHistoryDataType`. */
export function parseProfiledHistory(document: unknown): string | null {
  return latest(
    itemsOf(at(document, 'SPInstallHistoryDataType'))
      .filter((entry) => at(entry, 'package_source') === 'package_source_apple')
      .map((entry) => installedAt(at(entry, '_name'), at(entry, 'install_date'))),
  );
}

/** A downloaded installer application is recorded under the system's name as well, but has changed nothing yet. */
function isInstallerOnly(entry: unknown): boolean {
  const packages = itemsOf(at(entry, 'packageIdentifiers'));
  return packages.some(
    (name) => typeof name === 'string' && name.startsWith('com.apple.pkg.InstallAssistant'),
  );
}

function installedAt(name: unknown, date: unknown): string | null {
  const title = textOf(name) ?? '';
  return kindOf(title) === 'system' && /\d/.test(title) ? timeOf(date) : null;
}

function latest(times: readonly (string | null)[]): string | null {
  return (
    times
      .filter((time) => time !== null)
      .toSorted()
      .at(-1) ?? null
  );
}
