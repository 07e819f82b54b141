import { createHash } from 'node:crypto';
import { BUNDLE_ID } from '../../src/agent/paths.ts';
import { toPlist, type PlistValue } from '../build/plist.ts';
import { nested, type SettingValue, type Values } from './values.ts';

/* Configuration profiles for macOS, by Apple's device management documentation. */

/** How all that launchd runs for us is called. */
const LABELS = 'io.drawbridge.';
/** The namespace of our names' UUIDs (RFC 9562 §5.5); any fixed one will do. */
const NAMESPACE = '6f0d5a5e-2c1b-4d8e-9a73-5d0c6b1f4e21';

/** A UUIDv5: the same for the same name, so that a profile made anew replaces the one before. */
export function uuidOf(name: string): string {
  const space = Buffer.from(NAMESPACE.replaceAll('-', ''), 'hex');
  const bytes = createHash('sha1').update(space).update(name).digest().subarray(0, 16);
  bytes[6] = 0x50 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  const hex = bytes.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-').toUpperCase();
}

type Payload = { type: string; name: string; content: Record<string, PlistValue> };

/** What the agent is to do: the forced preferences of our domain. */
export function settingsProfile(values: Values): string {
  return profile('settings', 'Drawbridge: settings', [
    { type: BUNDLE_ID, name: 'Drawbridge settings', content: nested(values, plistValue) },
  ]);
}

/** A property list tells whole numbers from others. */
function plistValue(value: SettingValue): PlistValue {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
}

/**
 * What macOS lets the agent do, without asking anybody: run in the background, notify, read the whole disk. `team` is
 * the Apple team that signed it; without one there is no telling that a program is ours, so nothing may read the disk.
 */
export function systemProfile(team: string | null): string {
  return profile('system', 'Drawbridge: system', [
    backgroundItems(team),
    notifications(),
    ...(team === null ? [] : [fullDiskAccess(team)]),
  ]);
}

function profile(name: string, displayName: string, payloads: readonly Payload[]): string {
  const identifier = `${BUNDLE_ID}.profile.${name}`;
  return toPlist({
    PayloadContent: payloads.map(({ type, name: title, content }) => ({
      ...content,
      PayloadDisplayName: title,
      PayloadIdentifier: `${identifier}.${type}`,
      PayloadType: type,
      PayloadUUID: uuidOf(`${identifier}.${type}`),
      PayloadVersion: 1n,
    })),
    PayloadDisplayName: displayName,
    PayloadIdentifier: identifier,
    PayloadOrganization: 'Drawbridge',
    PayloadScope: 'System',
    PayloadType: 'Configuration',
    PayloadUUID: uuidOf(identifier),
    PayloadVersion: 1n,
  });
}

/** Services that a person cannot switch off in System Settings (macOS 13 and later). */
function backgroundItems(team: string | null): Payload {
  const label = { RuleType: 'LabelPrefix', RuleValue: LABELS, Comment: 'Drawbridge agent and tray' };
  const rule = team === null ? label : { ...label, TeamIdentifier: team };
  return {
    type: 'com.apple.servicemanagement',
    name: 'Drawbridge in the background',
    content: { Rules: [rule] },
  };
}

function notifications(): Payload {
  const settings = {
    // The tray's helper is a program of the application: its notifications are the application's.
    BundleIdentifier: BUNDLE_ID,
    NotificationsEnabled: true,
    // Stays until it is dismissed: it says by when access ends.
    AlertType: 2n,
    ShowInLockScreen: false,
    ShowInNotificationCenter: true,
    BadgesEnabled: true,
    SoundsEnabled: false,
    CriticalAlertEnabled: false,
  };
  return {
    type: 'com.apple.notificationsettings',
    name: 'Drawbridge notifications',
    content: { NotificationSettings: [settings] },
  };
}

/** Without it, macOS hides from the agent what other users' settings and security products say. */
function fullDiskAccess(team: string): Payload {
  const entry = {
    Identifier: BUNDLE_ID,
    IdentifierType: 'bundleID',
    CodeRequirement: codeRequirement(BUNDLE_ID, team),
    StaticCode: false,
    Allowed: true,
    Comment: 'Reads settings of all users and of security products',
  };
  return {
    type: 'com.apple.TCC.configuration-profile-policy',
    name: 'Drawbridge reads the whole disk',
    content: { Services: { SystemPolicyAllFiles: [entry] } },
  };
}

/** What codesign makes of a program that a team signed with its Developer ID (`codesign -d -r -`). */
export function codeRequirement(identifier: string, team: string): string {
  return [
    `identifier "${identifier}"`,
    'anchor apple generic',
    'certificate 1[field.1.2.840.113635.100.6.2.6] /* exists */',
    'certificate leaf[field.1.2.840.113635.100.6.1.13] /* exists */',
    `certificate leaf[subject.OU] = "${team}"`,
  ].join(' and ');
}
