import { readAsset } from '../base/assets.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Baseline } from '../policy/baseline.ts';
import { parseBaseline, type SignedBaseline } from './baseline-file.ts';
import { audit } from './store/audit.ts';
import { findBaseline, putBaseline, type StoredBaseline } from './store/baselines.ts';
import type { Db, Store } from './store/store.ts';

type By = { actor: string; now: number };

/** Puts a baseline in force. An older one than the one there is refused: it would hide updates that are missing. */
export async function importBaseline(
  db: Db,
  { baseline, signer }: SignedBaseline,
  { actor, now }: By,
  allowOlder = false,
): Promise<Result<StoredBaseline, string>> {
  const before = await findBaseline(db);
  const problem = before === null || allowOlder ? null : olderThan(baseline, before.baseline);
  if (problem !== null) return err(problem);
  const stored = { baseline, signer, importedAt: now, by: actor };
  await putBaseline(db, stored);
  const detail = { date: baseline.date, signer, before: before?.baseline.date ?? null, ...asOf(baseline) };
  await audit(db, now, { actor, action: 'import baseline', subject: baseline.date, detail });
  return ok(stored);
}

export const SECTIONS = ['windows', 'macos', 'linux', 'antivirus'] as const;

function asOf(baseline: Baseline): Record<string, string | null> {
  return Object.fromEntries(SECTIONS.map((name) => [name, baseline[name]?.asOf ?? null]));
}

function olderThan(next: Baseline, before: Baseline): string | null {
  if (next.date < before.date) return refusal(`is of ${next.date}, the one in force of ${before.date}`);
  const worse = SECTIONS.find((name) => (next[name]?.asOf ?? '') < (before[name]?.asOf ?? ''));
  if (worse === undefined) return null;
  const asOf = next[worse]?.asOf ?? null;
  return refusal(
    `${asOf === null ? `has nothing on ${worse}` : `knows ${worse} up to ${asOf}`}, the one in force up to ${before[worse]?.asOf}`,
  );
}

function refusal(what: string): string {
  return `It ${what}. With --older it is taken all the same.`;
}

/** What came with this program: as trusted as the program itself. */
export async function shippedBaseline(): Promise<Baseline> {
  const parsed = parseBaseline(readAsset('src/policy/shipped-baseline.json'));
  if (!parsed.ok) throw new Error(`the shipped baseline does not match its own schema: ${parsed.error}`);
  return parsed.value;
}

/** The baseline in force; where the program came with a newer one than was ever imported, that one is from now on. */
export async function baselineInForce(store: Store, now: number): Promise<Baseline> {
  const shipped = await shippedBaseline();
  const before = await store.read(findBaseline);
  if (before !== null && olderThan(shipped, before.baseline) !== null) return before.baseline;
  if (before?.baseline.date === shipped.date) return before.baseline;
  const taken = await store.write((db) =>
    importBaseline(db, { baseline: shipped, signer: 'shipped' }, { actor: 'server', now }),
  );
  return taken.ok ? taken.value.baseline : (before?.baseline ?? shipped);
}

/** The baseline by which a server that started now would judge; changes nothing. */
export async function baselineOf(store: Store): Promise<Baseline> {
  const stored = await store.read(findBaseline);
  return stored?.baseline ?? (await shippedBaseline());
}
