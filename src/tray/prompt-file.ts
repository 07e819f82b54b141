import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAtomic } from '../base/atomic-file.ts';
import { parseJson } from '../base/json.ts';
import { promptMemory } from './prompt.ts';
import type { SessionParts } from './session.ts';

/** What the person was told, in a file of that person. One that is damaged is as good as none. */
export function promptFile(path: string): SessionParts['memory'] {
  return {
    async read() {
      const parsed = promptMemory.safeParse(parseJson(await readFile(path, 'utf8')));
      return parsed.success ? parsed.data : null;
    },
    async write(memory) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeAtomic(path, `${JSON.stringify(memory)}\n`);
    },
  };
}
