import { unknownSetting, type ManagedProblem, type RawManaged } from './managed-raw.ts';
import { formOf, managedSettings, type Setting } from './setting-list.ts';

const VALUE = /^ {4}(\S.{0,254}?) {4}REG_([A-Z_]{2,30})(?: {4}(.*))?$/;
const MAX_LINES = 1_000;

/** Value names in the registry have no case. */
const byName: ReadonlyMap<string, Setting> = new Map(
  managedSettings.map((setting) => [setting.name.toLowerCase(), setting]),
);

/**
 * What `reg.exe query` prints of our policy key: a value a setting, under its dotted name. Unlike elsewhere every line
 * counts: one that is not understood could be the setting that matters.
 */
export function rawFromRegistry(source: string, text: string): RawManaged {
  const values = new Map<string, unknown>();
  const problems: ManagedProblem[] = [];
  const lines = linesOf(text);
  if (lines.length > MAX_LINES) problems.push({ kind: 'wrong', message: `more than ${MAX_LINES} lines` });
  for (const line of lines.slice(0, MAX_LINES)) {
    const [, name = '', type = '', data = ''] = VALUE.exec(line) ?? [];
    // The default value, whose name is translated.
    if (name.startsWith('(')) continue;
    const setting = byName.get(name.toLowerCase());
    if (name === '')
      problems.push({ kind: 'wrong', message: `not understood: ${JSON.stringify(line.slice(0, 80))}` });
    else if (setting === undefined) problems.push(unknownSetting(name));
    else values.set(setting.name, valueOf(setting, type, data));
  }
  return { source, values, problems };
}

/** The lines of the values: those between the key's own line and its subkeys. */
function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const start = lines.findIndex((line) => line.startsWith('HKEY_'));
  const below = lines.slice(start + 1);
  const end = below.findIndex((line) => line.startsWith('HKEY_'));
  return end === -1 ? below : below.slice(0, end);
}

/** Whether the key that was asked for has this key in it. */
export function listsKey(text: string, child: string): boolean {
  const ending = `\\${child.toLowerCase()}`;
  return text
    .split(/\r?\n/)
    .some((line) => line.startsWith('HKEY_') && line.trim().toLowerCase().endsWith(ending));
}

/** In the registry's few types; what does not fit stays as it came, and is judged as such. */
function valueOf(setting: Setting, type: string, data: string): unknown {
  const { kind } = formOf(setting);
  const number = type === 'DWORD' || type === 'QWORD' ? Number(data) : null;
  if (kind === 'switch') return number === 0 ? false : number === 1 ? true : data;
  if (kind === 'number') return number ?? (/^\d{1,10}(\.\d{1,6})?$/.test(data) ? Number(data) : data);
  // A list of one may come as a plain string.
  if (kind === 'list' && (type === 'MULTI_SZ' || type === 'SZ'))
    return data.split('\\0').filter((item) => item !== '');
  return type === 'SZ' || type === 'EXPAND_SZ' ? data : `REG_${type} ${data}`;
}
