import type { Host } from '../../collectors/check.ts';
import type { Output } from '../base/exec.ts';
import type { FixId, FixMeans } from '../wire/tray.ts';

/** One way to do one fix on one system: commands of the closed list, always the same ones. */
export type FixWay = {
  fix: FixId;
  means: FixMeans;
  /** Whether it can be done here and now. Only looks. */
  fits(host: Host): Promise<boolean>;
  /** Does it. What comes back says why it did not work; null where it did, which is seen to afterwards. */
  apply(host: Host): Promise<string | null>;
};

/** Why a command did not do what it was started for; null where it did. */
export function complaintOf(name: string, { code, failure, stderr, stdout }: Output): string | null {
  if (code === 0) return null;
  const words = (stderr.trim() || stdout.trim()).split('\n').at(-1) ?? '';
  return `${name} did not do it: ${failure ?? (words === '' ? `exit code ${code}` : words.slice(0, 300))}`;
}
