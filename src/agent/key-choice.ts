import { access, constants, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Platform } from '../../collectors/check.ts';
import { systemdCreds, tpm2, type Command } from '../base/commands.ts';
import { createCredential, openCredential } from './key-credential.ts';
import { createDpapiKeys, openDpapiKeys } from './key-dpapi.ts';
import { createKeyFile, openKeyFile } from './key-file.ts';
import { createKeychain, openKeychain } from './key-keychain.ts';
import { createKeyring, openKeyring } from './key-keyring.ts';
import { createNCryptKeys, forgetNCryptKeys, openNCryptKeys } from './key-ncrypt.ts';
import { createTpmKeys, openTpmKeys } from './key-tpm.ts';
import { KeyStoreError, type KeyProtection, type KeyStore } from './keys.ts';
import type { Tcti } from './tpm-tools.ts';
import { mayHaveTpm } from './windows-tpm.ts';

/** From the strongest to the weakest of each system. */
export const keyStoreKind = z.enum([
  'tpm',
  'systemd-creds',
  'ncrypt',
  'dpapi',
  'keychain',
  'keyring',
  'file',
]);
export type KeyStoreKind = z.infer<typeof keyStoreKind>;

/** A device that gets new keys has two sets for a moment: the old ones count until the server knows the new. */
export const keySlot = z.enum(['a', 'b']);
export type KeySlot = z.infer<typeof keySlot>;

/** Which keys of a device are meant. */
export const keyLocation = z.object({ kind: keyStoreKind, slot: keySlot });
export type KeyLocation = z.infer<typeof keyLocation>;

/** Where the keys of a device live: beside the rest of its state, or in a chip. */
export type KeyHome = { stateDir: string; tcti: Tcti };

export type KeyChoice = {
  wanted: 'auto' | KeyStoreKind;
  home: KeyHome;
  platform: Platform;
  /** A daemon never has a keyring, even where one happens to answer: it would be that of whoever started it. */
  isRoot: boolean;
  /** Whether this session has a message bus, without which there is no secret service to ask. */
  hasSession: boolean;
};

export type MadeKeys = { kind: KeyStoreKind; keys: KeyStore };

/**
 * Makes new keys in the best store that is here. Throws `KeyStoreError` when a store asked for by name does not work,
 * and when there is a TPM that does not: to do without it is for a person to say.
 */
export async function createKeys(choice: KeyChoice, slot: KeySlot = 'a'): Promise<MadeKeys> {
  const { wanted, home } = choice;
  if (wanted === 'keyring' && choice.isRoot) {
    throw new KeyStoreError(
      'A service has no session keyring; its content would be gone with the next restart. Set keyStore: file.',
    );
  }
  if (wanted !== 'auto') return create({ kind: wanted, slot }, home);
  const chip = await chipOf(choice);
  if (chip !== null) return create({ kind: chip, slot }, home).catch(sayHowToDoWithout(chip));
  const second = await secondBest(choice);
  const made = second === null ? null : await create({ kind: second, slot }, home).catch(() => null);
  return made ?? create({ kind: 'file', slot }, home);
}

/** What there is besides a TPM and a file. */
async function secondBest({ platform, isRoot, hasSession }: KeyChoice): Promise<KeyStoreKind | null> {
  if (platform === 'windows') return 'dpapi';
  if (isRoot) return (await isInstalled(systemdCreds)) ? 'systemd-creds' : null;
  return hasSession ? 'keyring' : null;
}

type StoreWays = {
  create(path: string, home: KeyHome): Promise<KeyStore>;
  open(path: string, home: KeyHome): Promise<KeyStore | null>;
  /** Where removing the file is not all. */
  forget?(path: string): Promise<void>;
  suffix: string;
  protection: KeyProtection;
};

const STORES = {
  tpm: {
    create: (path, { tcti }) => createTpmKeys(path, tcti),
    open: (path, { tcti }) => openTpmKeys(path, tcti),
    suffix: '.tpm.json',
    protection: 'tpm',
  },
  'systemd-creds': {
    create: createCredential,
    open: openCredential,
    suffix: '.cred',
    protection: 'os-keystore',
  },
  ncrypt: {
    create: (path) => createNCryptKeys(path),
    open: (path) => openNCryptKeys(path),
    forget: forgetNCryptKeys,
    suffix: '.ncrypt.json',
    protection: 'tpm',
  },
  dpapi: {
    create: (path) => createDpapiKeys(path),
    open: (path) => openDpapiKeys(path),
    suffix: '.dpapi.json',
    protection: 'os-keystore',
  },
  keychain: {
    create: (path) => createKeychain(path),
    open: (path) => openKeychain(path),
    suffix: '.json',
    protection: 'os-keystore',
  },
  keyring: {
    create: (path) => createKeyring(`agent ${path}`),
    open: (path) => openKeyring(`agent ${path}`),
    suffix: '.json',
    protection: 'os-keystore',
  },
  file: { create: createKeyFile, open: openKeyFile, suffix: '.json', protection: 'file' },
} satisfies Record<KeyStoreKind, StoreWays>;

/** How well a store keeps its keys. */
export function protectionOf(kind: KeyStoreKind): KeyProtection {
  return STORES[kind].protection;
}

async function create({ kind, slot }: KeyLocation, home: KeyHome): Promise<MadeKeys> {
  return { kind, keys: await STORES[kind].create(keyPath({ kind, slot }, home), home) };
}

/** Opens the keys where they were made. Null when they are not there. */
export function openKeys(location: KeyLocation, home: KeyHome): Promise<KeyStore | null> {
  return STORES[location.kind].open(keyPath(location, home), home);
}

/** Removes keys that are needed no more. */
export async function forgetKeys(location: KeyLocation, home: KeyHome): Promise<void> {
  const store: StoreWays = STORES[location.kind];
  const path = keyPath(location, home);
  await (store.forget?.(path) ?? rm(path, { force: true }));
}

/** The file that holds the keys, or names them in a keyring. */
export function keyPath({ kind, slot }: KeyLocation, { stateDir }: KeyHome): string {
  return join(stateDir, `${slot === 'a' ? 'keys' : 'keys-b'}${STORES[kind].suffix}`);
}

const SECOND = { tpm: 'systemd-creds', ncrypt: 'dpapi' } as const;
type Chip = keyof typeof SECOND;

function sayHowToDoWithout(chip: Chip): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof KeyStoreError)) throw error;
    throw new KeyStoreError(
      `${error.message} To enrol without the TPM, say so in the settings: keyStore: ${SECOND[chip]}, or keyStore: file. The report tells.`,
      { cause: error },
    );
  };
}

/** Which store keeps keys in this computer's TPM, if it has one: that it works is seen when it is asked. */
async function chipOf({ platform, home }: Pick<KeyChoice, 'platform' | 'home'>): Promise<Chip | null> {
  if (platform === 'windows') return (await mayHaveTpm()) ? 'ncrypt' : null;
  return (await offersTpm(home.tcti)) && (await isInstalled(tpm2)) ? 'tpm' : null;
}

/** What would keep the keys better than `kind` does on this computer, as a sentence; null where nothing would. */
export async function betterStore(
  kind: KeyStoreKind,
  choice: Pick<KeyChoice, 'platform' | 'home'>,
): Promise<string | null> {
  if (protectionOf(kind) === 'tpm') return null;
  if ((await chipOf(choice)) !== null)
    return 'This computer has a TPM, which would keep the keys from being copied.';
  return choice.platform !== 'windows' && (await offersTpm(choice.home.tcti))
    ? 'This computer has a TPM, but tpm2-tools are not installed: with them it would keep the keys from being copied.'
    : null;
}

/** Whether the chip is there for this user; that it works is seen when it is asked. */
function offersTpm(tcti: Tcti): Promise<boolean> {
  const device = /^device:(.+)$/.exec(tcti)?.[1];
  return device === undefined ? Promise.resolve(true) : can(device, constants.R_OK | constants.W_OK);
}

function isInstalled({ path }: Command): Promise<boolean> {
  return can(path, constants.X_OK);
}

function can(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
