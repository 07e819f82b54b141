import { launchctl, pkgutil } from '../../src/base/commands.ts';
import type { Host, TagQuestion } from '../check.ts';
import { readPlist, runPlist } from '../macos-read.ts';
import { at, linesOf, textOf } from '../macos-values.ts';
import { compareNumbered } from '../../src/base/version-numbers.ts';
import { askTags, fileTag, type TagAnswer } from './ask.ts';

export const read = (host: Host) =>
  askTags(host, { file: fileTag, plist: plistTag, service: serviceTag, package: packageTag });

/** A value that is not there equals nothing; a list that cannot be read is unknown. */
async function plistTag(
  host: Host,
  { path, key, equals }: NonNullable<TagQuestion['plist']>,
): Promise<TagAnswer> {
  const list = await readPlist(host, path);
  if (!list.ok) return list.error === 'missing' ? false : { unknown: list.error };
  return at(list.value, ...key.split(':')) === equals;
}

/** A job that runs has a process id; one that is loaded or not known at all does not run. */
async function serviceTag(
  host: Host,
  { name, state }: NonNullable<TagQuestion['service']>,
): Promise<TagAnswer> {
  const { code, stdout } = await host.run(launchctl, ['list']);
  const [head = '', ...jobs] = linesOf(stdout);
  if (code !== 0 || !/^PID\s+Status\s+Label$/.test(head)) return { unknown: 'failed' };
  const isRunning = jobs.some((line) => {
    const [pid = '', , label] = line.split('\t');
    return label === name && /^\d+$/.test(pid);
  });
  return isRunning === (state === 'running');
}

/** What an installer left a receipt of, under its identifier such as `com.example.pkg.tool`. */
async function packageTag(
  host: Host,
  { name, atLeast }: NonNullable<TagQuestion['package']>,
): Promise<TagAnswer> {
  const { code, failure } = await host.run(pkgutil, ['--pkgs']);
  if (failure !== null || code !== 0) return { unknown: failure === 'timeout' ? 'timeout' : 'failed' };
  const receipt = await runPlist(host, pkgutil, ['--pkg-info-plist', name]);
  if (receipt === undefined) return false;
  const version = textOf(at(receipt, 'pkg-version'));
  return version === null ? { unknown: 'unparsable' } : compareNumbered(version, atLeast) >= 0;
}
