import { randomUUIDv7 } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../base/json.ts';
import type { Baseline } from '../../policy/baseline.ts';
import { baselineSchema } from '../../policy/baseline-schema.ts';
import { getMeta, setMeta } from './meta.ts';
import type { Db } from './store.ts';

/** The baseline in force, and where it came from. `signer` is a key's thumbprint, or `shipped`. */
export type StoredBaseline = { baseline: Baseline; signer: string; importedAt: number; by: string };

const stored = z.object({
  baseline: baselineSchema,
  signer: z.string(),
  importedAt: z.number(),
  by: z.string(),
}) satisfies z.ZodType<StoredBaseline>;

const KEY = 'baseline';
const STAMP = 'baseline-imported';

/** Null where there is none, or one that another version of this program wrote in another shape. */
export async function findBaseline(db: Db): Promise<StoredBaseline | null> {
  const text = await getMeta(db, KEY);
  return stored.safeParse(text === null ? null : parseJson(text)).data ?? null;
}

/** Changes with every import; cheap to look at. */
export function baselineStamp(db: Db): Promise<string | null> {
  return getMeta(db, STAMP);
}

export async function putBaseline(db: Db, baseline: StoredBaseline): Promise<void> {
  await setMeta(db, KEY, JSON.stringify(baseline));
  await setMeta(db, STAMP, randomUUIDv7());
}
