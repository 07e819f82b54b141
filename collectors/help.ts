import type { Platform, Variant } from './check.ts';
import type { CheckId, ReasonCode } from './specs.ts';

/** How long mending takes: a minute, some minutes, half an hour, hours, or as long as IT takes. */
export const TAKES = ['minute', 'minutes', 'half-hour', 'hours', 'it'] as const;
export type Takes = (typeof TAKES)[number];

/** The place in a system's own settings where something can be mended. */
export const PANES = ['firewall', 'updates', 'screen-lock', 'disk-encryption', 'antivirus', 'vpn'] as const;
export type PaneId = (typeof PANES)[number];

/** A check's own, unless a reason says otherwise. */
const OF_CHECK: Record<CheckId, { takes: Takes; pane: PaneId | null }> = {
  'os-version': { takes: 'hours', pane: 'updates' },
  'os-patch': { takes: 'half-hour', pane: 'updates' },
  'disk-encryption': { takes: 'hours', pane: 'disk-encryption' },
  antivirus: { takes: 'minutes', pane: 'antivirus' },
  detections: { takes: 'it', pane: null },
  firewall: { takes: 'minute', pane: 'firewall' },
  'screen-lock': { takes: 'minute', pane: 'screen-lock' },
  'secure-boot': { takes: 'it', pane: null },
  'l2tp-server': { takes: 'it', pane: null },
  'vpn-client': { takes: 'it', pane: 'vpn' },
  processes: { takes: 'minute', pane: null },
  tags: { takes: 'it', pane: null },
  agent: { takes: 'it', pane: null },
};

const OF_REASON: Partial<Record<ReasonCode, { takes: Takes; pane: PaneId | null }>> = {
  'patch-stale': { takes: 'minutes', pane: 'updates' },
  'patch-reboot': { takes: 'minutes', pane: null },
  'disk-unprotected': { takes: 'minute', pane: 'disk-encryption' },
  'detection-open': { takes: 'minutes', pane: 'antivirus' },
  'agent-silent': { takes: 'minutes', pane: null },
};

/** What helps with a reason besides its steps. Reading anew what could not be read is a restart away. */
export function helpFor(check: CheckId, reason: string): { takes: Takes; pane: PaneId | null } {
  if (reason.endsWith('-unknown')) return { takes: 'minutes', pane: null };
  return OF_REASON[reason as ReasonCode] ?? OF_CHECK[check];
}

/** What opens a pane: an address that the system knows, or the launchers of its desktop, the first that is there. */
export type Opener = { kind: 'uri'; uri: string } | { kind: 'launchers'; names: readonly string[] };

const uri = (text: string): Opener => ({ kind: 'uri', uri: text });
const launchers = (...names: string[]): Opener => ({ kind: 'launchers', names });

/** Closed: nothing else is ever opened. Where a pane has no address there is no button. */
const OPENERS: Record<Platform | Extract<Variant, 'macos-12'>, Partial<Record<PaneId, Opener>>> = {
  windows: {
    firewall: uri('windowsdefender://network/'),
    updates: uri('ms-settings:windowsupdate'),
    'screen-lock': uri('ms-settings:lockscreen'),
    'disk-encryption': uri('ms-settings:deviceencryption'),
    antivirus: uri('windowsdefender://threat/'),
    vpn: uri('ms-settings:network-vpn'),
  },
  macos: {
    firewall: uri('x-apple.systempreferences:com.apple.Network-Settings.extension?Firewall'),
    updates: uri('x-apple.systempreferences:com.apple.Software-Update-Settings.extension'),
    'screen-lock': uri('x-apple.systempreferences:com.apple.Lock-Screen-Settings.extension'),
    'disk-encryption': uri(
      'x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?FileVault',
    ),
    vpn: uri('x-apple.systempreferences:com.apple.NetworkExtensionSettingsUI.NESettingsUIExtension'),
  },
  'macos-12': {
    firewall: uri('x-apple.systempreferences:com.apple.preference.security?Firewall'),
    updates: uri('x-apple.systempreferences:com.apple.preferences.softwareupdate'),
    'screen-lock': uri('x-apple.systempreferences:com.apple.preference.security?General'),
    'disk-encryption': uri('x-apple.systempreferences:com.apple.preference.security?FDE'),
    vpn: uri('x-apple.systempreferences:com.apple.preference.network'),
  },
  linux: {
    firewall: launchers('gufw', 'firewall-config', 'kcm_firewall'),
    updates: launchers('update-manager', 'org.gnome.Software', 'org.kde.discover', 'gnome-software'),
    'screen-lock': launchers(
      'gnome-lock-panel',
      'gnome-privacy-panel',
      'kcm_screenlocker',
      'xfce4-screensaver-preferences',
    ),
    vpn: launchers('gnome-network-panel', 'kcm_networkmanagement', 'nm-connection-editor'),
  },
};

export function openerOf(pane: PaneId, platform: Platform, variants: readonly Variant[]): Opener | null {
  const system = platform === 'macos' && variants.includes('macos-12') ? 'macos-12' : platform;
  return OPENERS[system][pane] ?? null;
}
