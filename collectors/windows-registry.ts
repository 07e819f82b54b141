import { reg } from '../src/base/commands.ts';
import type { Host, ProbeAnswer } from './check.ts';

/** The values of one registry key by name, as `reg.exe` prints them: numbers of REG_DWORD and REG_QWORD, else text. */
export type RegistryValues = ReadonlyMap<string, number | string>;

const MAX_LINES = 10_000;
const VALUE = /^ {4}(\S.{0,250}?) {4}REG_([A-Z_]{2,30})(?: {4}(.{0,4000}))?$/;

/**
 * The output of `reg.exe query KEY`. Names and types are in no language but their own; of the default value, whose
 * name is translated, nobody asks. Subkeys and their values are left out.
 */
export function parseRegQuery(text: string): RegistryValues {
  const values = new Map<string, number | string>();
  let keys = 0;
  for (const line of text.split(/\r?\n/, MAX_LINES)) {
    if (line.startsWith('HKEY_')) keys += 1;
    const [, name, type, data = ''] = VALUE.exec(line) ?? [];
    if (keys === 1 && name !== undefined && !values.has(name)) values.set(name, valueOf(type, data));
  }
  return values;
}

function valueOf(type: string | undefined, data: string): number | string {
  const isNumber = (type === 'DWORD' || type === 'QWORD') && /^0x[0-9a-f]{1,12}$/i.test(data);
  return isNumber ? Number(data) : data;
}

/** A key's values; null when there is no such key or it may not be read, which `reg.exe` tells apart in words only. */
export async function readKey(host: Pick<Host, 'run'>, key: string): Promise<RegistryValues | null> {
  // The 64-bit registry, also for a 32-bit agent.
  const { code, stdout } = await host.run(reg, ['query', key, '/reg:64']);
  return code === 0 ? parseRegQuery(stdout) : null;
}

const SOFTWARE = 'HKLM\\SOFTWARE\\Microsoft';
const SYSTEM = 'HKLM\\SYSTEM\\CurrentControlSet';

/** Registry-only probes that name every property after a value of one key. */
const KEYS: Readonly<Record<string, string>> = {
  currentVersion: `${SOFTWARE}\\Windows NT\\CurrentVersion`,
  secureBoot: `${SYSTEM}\\Control\\SecureBoot\\State`,
  rasParameters: `${SYSTEM}\\Services\\RasMan\\Parameters`,
};

/**
 * The probes that the registry alone answers, without starting PowerShell: between two full cycles they overlay the
 * last document. A key that cannot be read leaves its probe out, so that the document's answer stays.
 */
export async function registryProbes(host: Pick<Host, 'run'>): Promise<ReadonlyMap<string, ProbeAnswer>> {
  const answers = new Map<string, ProbeAnswer>();
  for (const [probe, key] of Object.entries(KEYS)) {
    const values = await readKey(host, key);
    if (values) answers.set(probe, { ok: true, ms: 0, data: Object.fromEntries(values) });
  }
  return answers;
}
