import { matchLine } from '../macos-values.ts';
import { directionOf, percentOf } from './macos-apfs-text.ts';

export type FileVaultStatus = {
  on: boolean;
  /** Switched, but the tool itself says that it is not finished: a conversion runs or waits, or a restart is due. */
  unfinished: boolean;
  converting: 'encrypting' | 'decrypting' | 'paused' | null;
  percent: number | null;
};

const STATUS =
  /^FileVault is (On|Off)(\.|, but needs to be restarted to finish\.|, but will be enabled after .*)$/;
const CONVERSION = /^(Encryption|Decryption) in progress:(.*)$/i;

/**
 * `fdesetup status`, by the complete sentences of the tool; null when there is none of them. A deferral ("Deferred
 * enablement appears to be active") and the master keychain are remarks: the first sentence says what is in force.
 */
export function parseFdesetup(text: string): FileVaultStatus | null {
  const status = matchLine(text, STATUS);
  if (!status) return null;
  const on = status[1] === 'On';
  const conversion = matchLine(text, CONVERSION);
  const progress = conversion?.[2]?.trim();
  return {
    on,
    unfinished: conversion !== null || (on && status[2] !== '.'),
    converting: progress === 'Pending' ? 'paused' : directionOf(conversion?.[1]),
    percent: percentOf(/\d+(?:\.\d+)?$/.exec(progress ?? '')?.[0]),
  };
}
