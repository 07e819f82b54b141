import { security } from '../base/commands.ts';
import { run, type Output } from '../base/exec.ts';
import { parseJson } from '../base/json.ts';
import { generateKeys, keyPair, KeyStoreError, softwareKeys, type KeyStore } from './keys.ts';

/*
 * macOS' System keychain, for a daemon, which has no login keychain. Written from the manual page of security(1); never
 * run on a Mac, so it is taken only where the settings ask for it by name.
 */

const KEYCHAIN = '/Library/Keychains/System.keychain';
const SERVICE = 'drawbridge-keys';
/** errSecItemNotFound, as security(1) turns it into an exit code. */
const NOT_FOUND = 44;

/** Makes new keys under `account`, replacing what is there. Nothing secret is on a command line: it goes by standard input. */
export async function createKeychain(account: string, ask = run): Promise<KeyStore> {
  const keys = await generateKeys();
  const secret = Buffer.from(JSON.stringify(keys)).toString('hex');
  const line = `add-generic-password -U -a ${hexOf(account)} -s ${SERVICE} -w ${secret} ${KEYCHAIN}\n`;
  const output = await ask(security, ['-i'], { stdin: line });
  // Its interactive mode does not say by an exit code whether a line of it worked.
  const kept = output.failure === null ? await find(account, ask) : output;
  if (kept.stdout.trim() === secret) return softwareKeys(keys, 'os-keystore');
  throw new KeyStoreError(
    `The System keychain does not keep the keys (${reasonOf(output)}). It needs root; or set keyStore: file.`,
  );
}

/** Null when there are none under `account`. */
export async function openKeychain(account: string, ask = run): Promise<KeyStore | null> {
  const output = await find(account, ask);
  if (output.code === NOT_FOUND) return null;
  const text = Buffer.from(output.stdout.trim(), 'hex').toString('utf8');
  const keys = keyPair.safeParse(parseJson(text));
  if (output.code === 0 && keys.success) return softwareKeys(keys.data, 'os-keystore');
  throw new KeyStoreError(
    `The System keychain does not give the keys (${reasonOf(output)}). Run this as root, or enrol again: ` +
      'drawbridge enroll --again --server URL --token-stdin',
  );
}

function find(account: string, ask: typeof run): Promise<Output> {
  const argv = ['find-generic-password', '-a', hexOf(account), '-s', SERVICE, '-w', KEYCHAIN];
  return ask(security, argv);
}

/** A path may hold spaces, which a line of the interactive mode would break at. */
function hexOf(account: string): string {
  return Buffer.from(account).toString('hex');
}

function reasonOf({ failure, code, stderr }: Output): string {
  return failure ?? (stderr.trim().split('\n')[0] || `exit code ${code}`).slice(0, 200);
}
