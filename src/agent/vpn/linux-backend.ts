import type { VpnProfile } from '../../wire/vpn.ts';
import type { WantedFile } from './linux-files.ts';
import type { Tools } from './linux-tools.ts';

/**
 * One kind of VPN software that can hold a profile of ours: files, and how it is told to read them and to dial.
 * What comes back as text is the sentence that says why it did not work; null is success.
 */
export type Backend = {
  name: 'networkmanager' | 'strongswan' | 'libreswan';
  /** Why this software cannot hold such a profile, or null. */
  refuse(profile: VpnProfile): string | null;
  /** Every file that could belong to a profile of this name, those that it has no use for with null. */
  files(tools: Tools, profile: VpnProfile): Promise<WantedFile[]>;
  /** Makes the software take the profile as the files say it, or forget it when they are gone. */
  load(tools: Tools, name: string): Promise<string | null>;
  /** What cannot be known about a profile that stands as its files say, in sentences. */
  doubts?(tools: Tools, name: string): Promise<string[]>;
  /** Brings it up as its files say. */
  dial(tools: Tools, name: string, signal: AbortSignal): Promise<string | null>;
};
