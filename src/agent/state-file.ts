import { readFile, rename, stat } from 'node:fs/promises';
import type { z } from 'zod';
import { isMissing, writeAtomic } from '../base/atomic-file.ts';
import type { Logger } from '../base/log.ts';
import { parseJson } from '../base/json.ts';

const MAX_BYTES = 4 * 1024 * 1024;

/** One small JSON document of the agent's own. Written in one step, readable by the agent's user only. */
export type StateFile<T> = {
  readonly path: string;
  /**
   * Null when there is none. One that is damaged is set aside as `<name>.damaged`, told to the log, and null too.
   * Throws when the system does not let us read.
   */
  read(): Promise<T | null>;
  /** Returns once it is on disk. */
  write(value: T): Promise<void>;
};

/** `schema` makes the document's shape, which is large and needed at a start only. */
export function stateFile<S extends z.ZodType>(
  path: string,
  schema: () => S,
  log: Logger,
  mode = 0o600,
): StateFile<z.output<S>> {
  return {
    path,
    async read() {
      const content = await peek(path, schema);
      if (content.state !== 'damaged') return content.state === 'present' ? content.value : null;
      await rename(path, `${path}.damaged`);
      log.error({ file: path }, 'state file is damaged; set aside and started anew');
      return null;
    },
    write: (value) => writeAtomic(path, `${JSON.stringify(value)}\n`, mode),
  };
}

export type Peek<T> = { state: 'present'; value: T } | { state: 'missing' | 'damaged' };

/** What a state file holds, changing nothing: for commands that only look. Throws when reading is not allowed. */
export async function peek<S extends z.ZodType>(path: string, schema: () => S): Promise<Peek<z.output<S>>> {
  let text: string;
  try {
    if ((await stat(path)).size > MAX_BYTES) return { state: 'damaged' };
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return { state: 'missing' };
    throw error;
  }
  const parsed = schema().safeParse(parseJson(text));
  return parsed.success ? { state: 'present', value: parsed.data } : { state: 'damaged' };
}
