import { z } from 'zod';
import { flag, integer, text, time } from '../windows-values.ts';
import type { AntivirusProduct } from './spec.ts';

export const DEFENDER_NAME = 'Microsoft Defender Antivirus';

/** Older releases leave out AMRunningMode, IsTamperProtected and ProductStatus. */
export const computerStatus = z.object({
  AMRunningMode: text,
  AMServiceEnabled: flag,
  AntivirusEnabled: flag,
  RealTimeProtectionEnabled: flag,
  AntivirusSignatureAge: integer,
  AntivirusSignatureLastUpdated: time,
  AntivirusSignatureVersion: text,
  AMProductVersion: text,
  IsTamperProtected: flag,
  ProductStatus: integer,
  QuickScanEndTime: time,
  FullScanEndTime: time,
});

export type ComputerStatus = z.output<typeof computerStatus>;

/** Whether the class said anything that tells a Defender that protects from one that does not. */
export function saysSomething({ AMRunningMode: mode, ...status }: ComputerStatus): boolean {
  return [mode, status.AMServiceEnabled, status.AntivirusEnabled, status.RealTimeProtectionEnabled].some(
    (value) => value !== null,
  );
}

/** Defender by its own account. `registeredUpToDate` is Security Center's word on its signatures. */
export function defenderProduct(
  status: ComputerStatus,
  registeredUpToDate: boolean | null,
): AntivirusProduct {
  const mode = modeOf(status);
  const isThere = mode !== 'off';
  return {
    vendor: 'Microsoft',
    name: DEFENDER_NAME,
    version: versionOf(status.AMProductVersion),
    installed: true,
    running: status.AMServiceEnabled,
    realtime: realtimeOf(status, mode),
    mode,
    definitionsVersion: versionOf(status.AntivirusSignatureVersion),
    definitionsAt: isNever(status.AntivirusSignatureAge) ? null : status.AntivirusSignatureLastUpdated,
    upToDate: isThere ? upToDateOf(status, registeredUpToDate) : null,
    lastScanAt:
      [status.QuickScanEndTime, status.FullScanEndTime]
        .filter((at) => at !== null)
        .toSorted()
        .at(-1) ?? null,
    tamperProtection: status.IsTamperProtected,
    health: healthOf(status.ProductStatus),
  };
}

/** English in every language of Windows. SxS is "side by side" with another antivirus. */
const MODES: readonly (readonly [RegExp, AntivirusProduct['mode']])[] = [
  [/^not running/i, 'off'],
  [/passive/i, 'passive'],
  [/^edr/i, 'edr-block'],
  [/^normal/i, 'active'],
];

function modeOf(status: ComputerStatus): AntivirusProduct['mode'] {
  const { AMRunningMode: words, AMServiceEnabled: service, AntivirusEnabled: enabled } = status;
  const named = MODES.find(([pattern]) => pattern.test(words ?? ''))?.[1] ?? null;
  if (service === false || (enabled === false && named !== 'passive' && named !== 'edr-block')) return 'off';
  if (words !== null) return named;
  // Releases without a running mode have no passive Defender either: another antivirus switches it off.
  return service === true && enabled === true ? 'active' : null;
}

/** A passive Defender still reports its real-time protection as enabled. */
function realtimeOf({ RealTimeProtectionEnabled: enabled }: ComputerStatus, mode: AntivirusProduct['mode']) {
  return mode === 'active' || mode === null ? enabled : false;
}

/** 65535 and 4294967295 are "never" in a 16-bit and a 32-bit count of days. */
function isNever(days: number | null): boolean {
  return days === 65_535 || days === 4_294_967_295;
}

function versionOf(version: string | null): string | null {
  return version === '0.0.0.0' ? null : version;
}

/** Bits of ProductStatus that mean trouble, and our codes for them. */
const HEALTH: readonly (readonly [bit: number, code: string])[] = [
  [1, 'service-not-running'],
  [2, 'engine-missing'],
  [4, 'full-scan-required'],
  [8, 'reboot-required'],
  [16, 'manual-steps-required'],
  [32, 'antivirus-signatures-old'],
  [64, 'antispyware-signatures-old'],
  [128, 'quick-scan-overdue'],
  [256, 'full-scan-overdue'],
  [32_768, 'offline-scan-required'],
  [131_072, 'critical-failure'],
  [262_144, 'non-critical-failure'],
  [1_048_576, 'platform-out-of-date'],
  [8_388_608, 'end-of-life'],
];
const SIGNATURES_OLD = 32 | 64;

function healthOf(flags: number | null): string[] {
  return HEALTH.flatMap(([bit, code]) => (flags !== null && (flags & bit) !== 0 ? [code] : []));
}

/** Either source may know that the signatures are old; nobody's silence makes them new. */
function upToDateOf({ ProductStatus: flags }: ComputerStatus, registered: boolean | null): boolean | null {
  if (flags !== null && (flags & SIGNATURES_OLD) !== 0) return false;
  if (registered !== null) return registered;
  return flags === null ? null : true;
}
