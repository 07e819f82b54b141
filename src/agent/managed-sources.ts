import { lstat } from 'node:fs/promises';
import { z } from 'zod';
import type { Host, Platform } from '../../collectors/check.ts';
import { asObject } from '../../collectors/json.ts';
import { parsePlist } from '../../collectors/macos-plist.ts';
import { plutil, reg } from '../base/commands.ts';
import { isMissing } from '../base/atomic-file.ts';
import { messageOf } from '../base/errors.ts';
import type { Output } from '../base/exec.ts';
import { readUnchanged } from '../base/private-file.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseSettings, showProblems } from '../base/settings.ts';
import { rawFromDocument, type RawManaged, type ReadManaged } from './managed-raw.ts';
import { listsKey, rawFromRegistry } from './managed-registry.ts';
import { BUNDLE_ID, MANAGED_FILE, POLICY_KEY } from './paths.ts';
import { foreignHand } from './trusted-path.ts';

type Running = Pick<Host, 'run'>;

const MAX_BYTES = 256 * 1024;

/** Where each system's device management leaves what it wants. */
export function managedSource(platform: Platform, host: Running): ReadManaged {
  const sources: Record<Platform, ReadManaged> = {
    linux: () => readManagedFile(MANAGED_FILE),
    macos: () => readManagedPreferences(host, `/Library/Managed Preferences/${BUNDLE_ID}.plist`),
    windows: () => readPolicyKey(host),
  };
  return sources[platform];
}

type Read = Result<RawManaged | null, string>;

/** YAML that root alone can have written. */
export async function readManagedFile(file: string): Promise<Read> {
  const content = await readUnchanged(file, MAX_BYTES);
  if (!content.ok && content.error.kind === 'missing') return ok(null);
  const foreign = await foreignHand(file);
  if (foreign !== null) return err(foreign);
  if (!content.ok) return err(`${file} ${content.error.detail}`);
  const parsed = parseSettings(content.value, z.unknown());
  if (!parsed.ok) return err(showProblems(file, parsed.error));
  const document = asObject(parsed.value);
  if (document === null) return err(`${file} has to hold settings by name`);
  return ok(withoutEnrolment(rawFromDocument(file, document)));
}

/** On Linux there is a better place for a secret, which also is removed after use. */
function withoutEnrolment({ source, values, problems }: RawManaged): RawManaged {
  const others = [...values].filter(([name]) => !name.startsWith('enrolment.'));
  if (others.length === values.size) return { source, values, problems };
  const message =
    'enrolment does not belong here: leave ENROLL_URL and ENROLL_TOKEN in the file enroll, mode 600';
  return { source, values: new Map(others), problems: [...problems, { kind: 'wrong', message }] };
}

/** The property list into which macOS puts what profiles force. */
export async function readManagedPreferences({ run }: Running, file: string): Promise<Read> {
  try {
    const found = await lstat(file);
    if (!found.isFile()) return err(`${file} is not a regular file`);
    if (found.size > MAX_BYTES) return err(`${file} is too large (more than ${MAX_BYTES} bytes)`);
  } catch (error) {
    return isMissing(error) ? ok(null) : err(`${file}: ${messageOf(error)}`);
  }
  const foreign = await foreignHand(file);
  if (foreign !== null) return err(foreign);
  const { code, failure, stdout } = await run(plutil, ['-convert', 'xml1', '-o', '-', file]);
  const document = asObject(parsePlist(stdout));
  if (code !== 0 || document === null) return err(`${file} cannot be read (plutil: ${failure ?? code})`);
  return ok(rawFromDocument(file, withoutPayloadKeys(document)));
}

/** Some managements leave the profile's own keys beside ours. */
function withoutPayloadKeys(document: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(document).filter(([key]) => !/^Payload[A-Z]/.test(key)));
}

/**
 * The values below our own key of the policies, which administrators alone can write. Asked twice before it is called
 * unreadable: an agent that knows nothing from before does not start without it, and a program that failed once at
 * boot is no reason.
 */
export async function readPolicyKey(running: Running): Promise<Read> {
  const first = await askForPolicyKey(running);
  return first.ok ? first : askForPolicyKey(running);
}

async function askForPolicyKey({ run }: Running): Promise<Read> {
  const query = (key: string) => run(reg, ['query', key, '/reg:64']);
  let below = await query(POLICY_KEY);
  if (below.code === 0) return ok(rawFromRegistry(POLICY_KEY, below.stdout));
  // It says in words only whether there is none or it may not be read.
  for (const [parent, child] of PARENTS) {
    const above = await query(parent);
    if (above.code === 0 && !listsKey(above.stdout, child)) return ok(null);
    if (above.code === 0) return err(`${parent}\\${child} cannot be read (${whyNot(below)})`);
    below = above;
  }
  return err(`the registry cannot be read (${whyNot(below)})`);
}

function whyNot({ code, failure }: Pick<Output, 'code' | 'failure'>): string {
  return `reg.exe: ${failure ?? code}`;
}

const PARENTS = [
  ['HKLM\\SOFTWARE\\Policies\\Drawbridge', 'Agent'],
  ['HKLM\\SOFTWARE\\Policies', 'Drawbridge'],
  ['HKLM\\SOFTWARE', 'Policies'],
] as const;
