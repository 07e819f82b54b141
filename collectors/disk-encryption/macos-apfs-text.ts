import { linesOf, matchLine } from '../macos-values.ts';
import type { ApfsVolume } from './macos-volumes.ts';

/**
 * `diskutil apfs list`, a tree of text: each volume starts with the line of its device and role. While a conversion
 * runs, its progress stands in place of the `FileVault` line.
 */
export function parseApfsText(text: string): ApfsVolume[] {
  const blocks = linesOf(text)
    .map((line) => line.replace(/^[\s|+<>-]*/, '').trimEnd())
    .join('\n')
    .split(/^(?=APFS Volume Disk \(Role\):)/m)
    .slice(1);
  return blocks.flatMap(textVolume);
}

function textVolume(block: string): ApfsVolume[] {
  const [, device, roles = ''] =
    /^APFS Volume Disk \(Role\): +(disk\d+s\d+)(?:s\d+)? \(([^)]*)\)/.exec(block) ?? [];
  const fileVault = valueOf(block, 'FileVault');
  const conversion = matchLine(block, /^(Encryption|Decryption) Progress: +(\d+(?:\.\d+)?)%.*$/);
  if (device === undefined || !(/^(?:Yes|No)\b/.test(fileVault) || conversion)) return [];
  return [
    {
      device,
      roles: roles.split(/, */).filter((role) => role !== 'No specific role'),
      mount: mountOf(block),
      fileVault: fileVault.startsWith('Yes'),
      locked: /\(Locked\)/.test(conversion?.[0] ?? fileVault),
      migrating: conversion !== null,
      converting: directionOf(conversion?.[1]),
      percent: percentOf(conversion?.[2]),
    },
  ];
}

/** The system volume itself is not mounted: a snapshot of it is. */
function mountOf(block: string): string | null {
  const mount = valueOf(block, 'Snapshot Mount Point') || valueOf(block, 'Mount Point');
  return mount.startsWith('/') ? mount : null;
}

function valueOf(block: string, label: string): string {
  return matchLine(block, new RegExp(`^${label}: +(\\S.*)$`))?.[1]?.trim() ?? '';
}

export function directionOf(word: string | undefined): 'encrypting' | 'decrypting' | null {
  if (word === undefined) return null;
  return word === 'Encryption' ? 'encrypting' : 'decrypting';
}

export function percentOf(digits: string | undefined): number | null {
  const percent = Number(digits ?? 'none');
  return percent >= 0 && percent <= 100 ? percent : null;
}
