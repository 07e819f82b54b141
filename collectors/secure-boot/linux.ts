import { mokutil } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { containerOf } from '../linux-container.ts';
import type { Fact } from '../specs.ts';

type SecureBoot = Fact<'secure-boot'>;

/** Whether the firmware lets only signed code start; `level` says why an enabled Secure Boot does not hold. */
export type BootState = Pick<SecureBoot, 'level'> & { secureBoot: 'on' | 'off' | 'unsupported' };

const EFI = '/sys/firmware/efi/efivars';
const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const SHIM = '605dab50-e046-4300-abb6-3dd810dd8b23';

export async function read(host: Host): Promise<Observed<SecureBoot>> {
  const boot = (await fromVariables(host)) ?? (await fromMokutil(host)) ?? (await fromFirmware(host));
  if (boot === 'denied') return unknown('denied', 'The EFI variables can be read by root only.');
  const container = boot?.secureBoot === 'on' || boot?.secureBoot === 'off' ? null : await containerOf(host);
  if (container !== null) return unknown('unsupported', `The firmware is not visible inside ${container}.`);
  if (boot === null)
    return unknown('failed', 'Neither EFI variables, mokutil nor sysfs tell about the firmware.');
  return known({
    ...boot,
    tpm: await readTpm(host),
    secureEnclave: null,
    sip: null,
    gatekeeper: null,
    kernelLockdown: await readLockdown(host),
  });
}

async function fromVariables(host: Host): Promise<BootState | 'denied' | null> {
  const enabled = await host.readBytes(`${EFI}/SecureBoot-${GLOBAL}`);
  if (!enabled.ok) return enabled.error === 'denied' ? 'denied' : null;
  const secureBoot = parseEfiFlag(enabled.value);
  if (secureBoot === null) return null;
  const setup = await readFlag(host, `SetupMode-${GLOBAL}`);
  const insecure = await readFlag(host, `MokSBStateRT-${SHIM}`);
  return effective({ secureBoot, setup: setup === true, insecure: insecure === true });
}

async function readFlag(host: Host, name: string): Promise<boolean | null> {
  const bytes = await host.readBytes(`${EFI}/${name}`);
  return bytes.ok ? parseEfiFlag(bytes.value) : null;
}

/** efivarfs puts four bytes of attributes before the value. */
export function parseEfiFlag(bytes: Uint8Array): boolean | null {
  if (bytes.length !== 5) return null;
  const value = bytes[4];
  return value === 1 ? true : value === 0 ? false : null;
}

/** In setup mode anyone may enrol a key; with validation off in shim, what follows shim is not checked. */
function effective(flags: { secureBoot: boolean; setup: boolean; insecure: boolean }): BootState {
  const level = flags.setup ? 'setup' : flags.insecure ? 'shim-validation-disabled' : null;
  return { secureBoot: flags.secureBoot && level === null ? 'on' : 'off', level };
}

async function fromMokutil(host: Host): Promise<BootState | null> {
  const { stdout, stderr, failure } = await host.run(mokutil, ['--sb-state']);
  return failure === null ? parseMokutil(`${stdout}\n${stderr}`) : null;
}

/** `mokutil --sb-state`; the message for a machine without EFI goes to stderr with exit 1. */
export function parseMokutil(text: string): BootState | null {
  const lines = text.split('\n').map((line) => line.trim());
  if (lines.includes('EFI variables are not supported on this system')) {
    return { secureBoot: 'unsupported', level: null };
  }
  const enabled = lines.includes('SecureBoot enabled');
  if (!enabled && !lines.includes('SecureBoot disabled')) return null;
  return effective({
    secureBoot: enabled,
    setup: lines.includes('Platform is in Setup Mode'),
    insecure: lines.includes('SecureBoot validation is disabled in shim'),
  });
}

/** A kernel that was not started by EFI has no `/sys/firmware/efi`. */
async function fromFirmware(host: Host): Promise<BootState | null> {
  const firmware = await host.list('/sys/firmware');
  if (!firmware.ok || firmware.value.includes('efi')) return null;
  return { secureBoot: 'unsupported', level: null };
}

const TPM_VERSIONS: Record<string, SecureBoot['tpm']> = { '1': '1.2', '2': '2.0' };

async function readTpm(host: Host): Promise<SecureBoot['tpm']> {
  const classes = await host.list('/sys/class');
  if (!classes.ok) return null;
  const chips = await host.list('/sys/class/tpm');
  const [chip] = chips.ok ? chips.value : [];
  if (chip === undefined) return chips.ok || chips.error === 'missing' ? 'none' : null;
  const major = await host.readText(`/sys/class/tpm/${chip}/tpm_version_major`);
  return major.ok ? (TPM_VERSIONS[major.value.trim()] ?? null) : null;
}

async function readLockdown(host: Host): Promise<string | null> {
  const modes = await host.readText('/sys/kernel/security/lockdown');
  return modes.ok ? parseLockdown(modes.value) : null;
}

/** `none [integrity] confidentiality`: the mode in force stands in brackets. */
export function parseLockdown(text: string): string | null {
  return /\[([a-z]{1,30})\]/.exec(text)?.[1] ?? null;
}
