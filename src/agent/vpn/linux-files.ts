import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing, removeDurably, writeAtomic } from '../../base/atomic-file.ts';
import type { Before } from './linux-journal.ts';
import { edge, type Tools } from './linux-tools.ts';

/** A file of ours as it is to be; null content: not at all. Whatever holds a secret is for root alone. */
export type WantedFile = { path: string; content: string | null; mode: number };

/** What stands at these paths now. Throws what the system says where that cannot be read. */
export async function standing(paths: readonly string[]): Promise<Before[]> {
  return Promise.all(paths.map(async (path) => ({ path, was: await contentOf(path) })));
}

async function contentOf(path: string): Promise<Before['was']> {
  try {
    const [content, { mode }] = await Promise.all([readFile(path), stat(path)]);
    return { base64: content.toString('base64'), mode: mode & 0o777 };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Whether the files already are as wanted, so that nothing has to change. */
export function isAsWanted(wanted: readonly WantedFile[], found: readonly Before[]): boolean {
  return wanted.every(({ path, content, mode }) => {
    const was = found.find((file) => file.path === path)?.was ?? null;
    if (content === null || was === null) return content === null && was === null;
    return was.mode === mode && Buffer.from(was.base64, 'base64').toString() === content;
  });
}

/** Each file in one step: a reader or a crash sees the old one or the new one. */
export async function writeFiles(tools: Tools, wanted: readonly WantedFile[]): Promise<void> {
  for (const { path, content, mode } of wanted)
    await edge(tools, `file ${path}`, () => replace(path, content, mode));
}

/** Puts back what was there. */
export async function putBack(tools: Tools, files: readonly Before[]): Promise<void> {
  for (const { path, was } of files) {
    const content = was === null ? null : Buffer.from(was.base64, 'base64');
    await edge(tools, `file back ${path}`, () => replace(path, content, was?.mode ?? 0o600));
  }
}

async function replace(path: string, content: string | Uint8Array | null, mode: number): Promise<void> {
  if (content === null) return removeDurably(path);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeAtomic(path, content, mode);
  // The mask of whoever started us does not decide who can read it.
  await chmod(path, mode);
}
