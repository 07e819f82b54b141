import { messageOf } from '../base/errors.ts';
import type { Reader } from '../../collectors/check.ts';
import { checkIds, specs, type CheckId, type Readers, type Readings } from '../../collectors/specs.ts';
import { iso, type Clock } from '../base/clock.ts';
import { stamp, unknown, type Observed, type Reading } from '../base/reading.ts';
import type { Report } from '../wire/report.ts';
import type { OpenHost } from './cycle.ts';
import { uuidv7 } from './uuid.ts';

export type Collection = {
  readers: Readers;
  openHost: OpenHost;
  /** Reads what the checks share, before their own times begin. Never rejects. */
  prepare?: () => Promise<void>;
  clock: Clock;
  /** Milliseconds for all checks together, whatever their own times add up to. */
  deadlineMs: number;
};

export const DEADLINE_MS = 60_000;

const MAX_FACT_BYTES = 64 * 1024;

/** Reads every check once, all at the same time. Never rejects: what cannot be read is an unknown with its reason. */
export async function collectReport(collection: Collection, signal?: AbortSignal): Promise<Report> {
  const now = collection.clock.now();
  const readings = await collectReadings(collection, signal);
  return { id: uuidv7(now), collectedAt: iso(now), readings };
}

export async function collectReadings(collection: Collection, signal?: AbortSignal): Promise<Readings> {
  await collection.prepare?.();
  const entries = checkIds.map(async (id) => [id, await readOne(id, collection, signal)] as const);
  return Object.fromEntries(await Promise.all(entries)) as Readings;
}

/** One check's reading. Never rejects. */
export async function readOne(
  id: CheckId,
  collection: Collection,
  cycle: AbortSignal | undefined,
): Promise<Reading<unknown>> {
  const { clock } = collection;
  const at = iso(clock.now());
  const started = clock.monotonic();
  const observed = await observe(id, collection, cycle);
  return stamp(observed, at, Math.max(0, Math.round(clock.monotonic() - started)));
}

async function observe(
  id: CheckId,
  collection: Collection,
  cycle: AbortSignal | undefined,
): Promise<Observed<unknown>> {
  const withinMs = Math.min(specs[id].timeoutMs, collection.deadlineMs);
  const control = new AbortController();
  const stop = () => control.abort();
  cycle?.addEventListener('abort', stop, { once: true });
  if (cycle?.aborted) stop();
  try {
    return await within(withinMs, control, guarded(id, collection, control.signal));
  } finally {
    cycle?.removeEventListener('abort', stop);
  }
}

/** The reader's answer, or `timeout` after `ms` or when `control` aborts; either way its programs end. */
async function within(
  ms: number,
  control: AbortController,
  answer: Promise<Observed<unknown>>,
): Promise<Observed<unknown>> {
  const timer = setTimeout(() => control.abort(), ms);
  const late = new Promise<Observed<unknown>>((resolve) => {
    const answerLate = () => resolve(unknown('timeout', `No answer within ${ms} ms.`));
    control.signal.addEventListener('abort', answerLate, { once: true });
    if (control.signal.aborted) answerLate();
  });
  try {
    return await Promise.race([late, answer]);
  } finally {
    clearTimeout(timer);
  }
}

/** A reader that throws or says something else than its check's fact is a fault of ours, told as such. */
async function guarded(
  id: CheckId,
  { readers, openHost }: Collection,
  signal: AbortSignal,
): Promise<Observed<unknown>> {
  try {
    const read: Reader<unknown> = readers[id];
    const observed = await read(openHost(signal));
    if (observed.state === 'unknown') return unknown(observed.why, observed.detail);
    const fact = specs[id].fact.safeParse(observed.fact);
    if (fact.success) return bounded(fact.data);
    return unknown('unparsable', `The reader’s fact has the wrong shape: ${placeOf(fact.error.issues)}.`);
  } catch (error) {
    return unknown('failed', `The reader failed: ${messageOf(error)}`);
  }
}

/** One check that floods must not cost the whole report, which has to fit into a frame. */
function bounded(fact: unknown): Observed<unknown> {
  const bytes = Buffer.byteLength(JSON.stringify(fact));
  if (bytes <= MAX_FACT_BYTES) return { state: 'known', fact };
  return unknown('unparsable', `The fact has ${bytes} bytes, more than a report can carry.`);
}

function placeOf(issues: readonly { path: PropertyKey[]; message: string }[]): string {
  const [first] = issues;
  return first === undefined ? 'unknown place' : `${first.path.map(String).join('.')}: ${first.message}`;
}
