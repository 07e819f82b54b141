import { bputil, csrutil, mdmclient, spctl, systemProfiler, sysctl } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import { parseJson } from '../json.ts';
import { readManaged } from '../macos-read.ts';
import { at, flagOf, itemsOf, linesOf, matchLine, textOf } from '../macos-values.ts';
import type { Fact } from '../specs.ts';

type SecureBoot = Fact<'secure-boot'>;

/** The vendor's words. On `permissive` (Apple silicon), `off` and `no` (T2) anything may start. */
const LEVELS: Record<string, NonNullable<SecureBoot['secureBoot']>> = {
  full: 'on',
  medium: 'on',
  reduced: 'on',
  permissive: 'off',
  off: 'off',
  no: 'off',
  'not supported': 'unsupported',
};

export async function read(host: Host): Promise<Observed<SecureBoot>> {
  const bridge = await readBridge(host);
  const level = (await readLevel(host)) ?? parseBridgeLevel(bridge);
  const chip = await readChip(host, bridge);
  const sip = parseSip(await textOfRun(host.run(csrutil, ['status']))) ?? parseBridgeSip(bridge);
  const secureBoot = secureBootOf(level, chip);
  // Without its main thing a reading would pass for "nothing wrong"; that SIP is off is worth saying by itself.
  if (secureBoot === null && sip !== false) {
    return unknown(
      'failed',
      'Neither mdmclient, bputil nor the firmware’s own record told the secure boot level.',
    );
  }
  return known({
    secureBoot,
    level,
    tpm: null,
    secureEnclave: secureEnclaveOf(chip, level),
    sip,
    gatekeeper: await readGatekeeper(host),
    kernelLockdown: null,
  });
}

function secureBootOf(level: string | null, chip: Chip | null): SecureBoot['secureBoot'] {
  if (level !== null) return LEVELS[level] ?? null;
  return chip === 'none' || chip === 't1' ? 'unsupported' : null;
}

async function textOfRun(output: Promise<Output>): Promise<string> {
  const { stdout, stderr } = await output;
  return `${stdout}\n${stderr}`;
}

/** Only the plain sentence is full protection: a custom configuration, or Apple's internal one, is not. */
export function parseSip(text: string): boolean | null {
  const word = matchLine(text, /^System Integrity Protection status: (enabled|disabled|unknown)(.*)$/);
  if (!word) return null;
  return word[1] === 'enabled' && word[2]?.trim() === '.';
}

/** `spctl --status` on either stream; its exit code differs between releases. */
export function parseGatekeeper(text: string): boolean | null {
  const word = matchLine(text, /^assessments (enabled|disabled)\b/)?.[1];
  return word === undefined ? null : word === 'enabled';
}

async function readGatekeeper(host: Host): Promise<boolean | null> {
  const stated = parseGatekeeper(await textOfRun(host.run(spctl, ['--status'])));
  return stated ?? flagOf(at(await readManaged(host, 'com.apple.systempolicy.control'), 'EnableAssessment'));
}

/** Root only. Both answers are the vendor's own words, in no language. */
async function readLevel(host: Host): Promise<string | null> {
  const managed = await textOfRun(host.run(mdmclient, ['QuerySecurityInfo'], { timeoutMs: 8_000 }));
  return parseMdmLevel(managed) ?? parsePolicyLevel(await textOfRun(host.run(bputil, ['-d'])));
}

/** `mdmclient QuerySecurityInfo` prints a text dictionary among other remarks. */
export function parseMdmLevel(text: string): string | null {
  return levelOf(/\bSecureBootLevel"?\s*=\s*"?([\w ]+?)"?;/.exec(text)?.[1]);
}

/** `bputil -d`, Apple silicon: `Security Mode: Full (smb0): absent`, once a system; the weakest of them counts. */
export function parsePolicyLevel(text: string): string | null {
  const modes = linesOf(text).flatMap((line) => {
    const mode = /^\s*Security Mode:\s+(\w+)/.exec(line);
    return mode ? [levelOf(mode[1])] : [];
  });
  if (modes.includes(null)) return null;
  return ['permissive', 'reduced', 'full'].find((level) => modes.includes(level)) ?? null;
}

/** Words outside the table, such as a translation, are no level. */
function levelOf(word: string | undefined): string | null {
  const level = word?.toLowerCase() ?? '';
  return Object.hasOwn(LEVELS, level) ? level : null;
}

async function readBridge(host: Host): Promise<unknown> {
  for (const argv of [
    ['-json', 'SPiBridgeDataType'],
    ['SPiBridgeDataType', '-json'],
  ]) {
    const answer = await host.run(systemProfiler, argv);
    if (answer.code === 0) return parseJson(answer.stdout);
  }
  return undefined;
}

/** `ibridge_secure_boot` is "Full Security" in English only; another language's words are no level. */
export function parseBridgeLevel(document: unknown): string | null {
  const [bridge] = itemsOf(at(document, 'SPiBridgeDataType'));
  return levelOf(/^(\w+) Security$/.exec(textOf(at(bridge, 'ibridge_secure_boot')) ?? '')?.[1]);
}

/** The firmware's record of the same; "Enabled" and "Disabled" in English only. */
export function parseBridgeSip(document: unknown): boolean | null {
  const [bridge] = itemsOf(at(document, 'SPiBridgeDataType'));
  const word = at(bridge, 'ibridge_sb_sip');
  return word === 'Enabled' ? true : word === 'Disabled' ? false : null;
}

/** Which chip checks what starts. Null when that cannot be told: older systems list no bridge on Apple silicon. */
export type Chip = 'apple-silicon' | 't2' | 't1' | 'none';

async function readChip(host: Host, bridge: unknown): Promise<Chip | null> {
  const arm = await host.run(sysctl, ['-n', 'hw.optional.arm64']);
  if (arm.code === 0 && arm.stdout.trim() === '1') return 'apple-silicon';
  const machine = await host.run(sysctl, ['-n', 'hw.machine']);
  return parseChip(bridge, machine.code === 0 && machine.stdout.trim() === 'x86_64');
}

export function parseChip(document: unknown, isIntel: boolean): Chip | null {
  const listed = at(document, 'SPiBridgeDataType');
  if (!Array.isArray(listed)) return null;
  const model = textOf(at(listed[0], 'ibridge_model_name')) ?? '';
  if (/\bT2\b/.test(model)) return 't2';
  if (/\bT1\b/.test(model)) return 't1';
  return isIntel && listed.length === 0 ? 'none' : null;
}

/** A stated level needs a chip with an enclave to hold it. */
function secureEnclaveOf(chip: Chip | null, level: string | null): boolean | null {
  if (chip !== null) return chip !== 'none';
  return level !== null && level !== 'not supported' ? true : null;
}
