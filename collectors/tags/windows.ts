import { reg, sc } from '../../src/base/commands.ts';
import type { Host, TagQuestion } from '../check.ts';
import { compareNumbered } from '../../src/base/version-numbers.ts';
import { parseRegQuery } from '../windows-registry.ts';
import { askTags, fileTag, type TagAnswer } from './ask.ts';

export const read = (host: Host) =>
  askTags(host, { file: fileTag, registry: registryTag, service: serviceTag, package: packageTag });

/** `reg.exe` says in words only whether something is missing or closed; as the system nothing of these is closed. */
async function registryTag(
  host: Host,
  { key, value, equals }: NonNullable<TagQuestion['registry']>,
): Promise<TagAnswer> {
  const { code, failure, stdout } = await host.run(reg, ['query', key, '/v', value, '/reg:64']);
  if (failure !== null) return { unknown: failure === 'timeout' ? 'timeout' : 'failed' };
  if (code !== 0) return host.isRoot ? false : { unknown: 'denied' };
  const values = [...parseRegQuery(stdout)];
  const found = values.find(([name]) => name.toLowerCase() === value.toLowerCase())?.[1];
  return found === undefined ? { unknown: 'unparsable' } : found === equals;
}

const NO_SUCH_SERVICE = 1060;
const STATES: Readonly<Record<string, 'running' | 'stopped'>> = { RUNNING: 'running', STOPPED: 'stopped' };

/** The label of the line is translated, the state's own word is not: `STATE : 4  RUNNING`. */
async function serviceTag(
  host: Host,
  { name, state }: NonNullable<TagQuestion['service']>,
): Promise<TagAnswer> {
  const { code, failure, stdout } = await host.run(sc, ['query', name]);
  if (failure !== null) return { unknown: failure === 'timeout' ? 'timeout' : 'failed' };
  if (code === NO_SUCH_SERVICE) return state === 'stopped';
  const [, word = ''] = /:\s+[1-7]\s{1,4}([A-Z_]+)\s*$/m.exec(stdout) ?? [];
  const found = STATES[word];
  if (code === 0 && found !== undefined) return found === state;
  return { unknown: code === 5 ? 'denied' : 'failed' };
}

const UNINSTALL = 'Microsoft\\Windows\\CurrentVersion\\Uninstall';
const LISTS = [`HKLM\\SOFTWARE\\${UNINSTALL}`, `HKLM\\SOFTWARE\\WOW6432Node\\${UNINSTALL}`];

/** By the name that Settings shows; programs that single users installed for themselves are left out. */
async function packageTag(
  host: Host,
  { name, atLeast }: NonNullable<TagQuestion['package']>,
): Promise<TagAnswer> {
  const outputs = await Promise.all(LISTS.map((key) => host.run(reg, ['query', key, '/s', '/reg:64'])));
  const versions = outputs.flatMap(({ stdout }) => versionsIn(stdout, name));
  if (versions.some((version) => version !== null && compareNumbered(version, atLeast) >= 0)) return true;
  // The second list is missing where nothing of 32 bits was ever installed.
  if (outputs[0]?.code !== 0 || outputs.some(({ failure }) => failure !== null)) return { unknown: 'failed' };
  return versions.includes(null) ? { unknown: 'unparsable' } : false;
}

/** The versions of all entries of this name; null for one that states none. */
function versionsIn(stdout: string, name: string): (string | null)[] {
  return stdout.split(/^(?=HKEY_)/m).flatMap((entry) => {
    const values = parseRegQuery(entry);
    if (String(values.get('DisplayName') ?? '').toLowerCase() !== name.toLowerCase()) return [];
    const version = values.get('DisplayVersion');
    return [version === undefined ? null : String(version)];
  });
}
