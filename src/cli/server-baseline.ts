import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { iso } from '../base/clock.ts';
import type { Baseline } from '../policy/baseline.ts';
import { importBaseline, SECTIONS, shippedBaseline } from '../server/baseline.ts';
import { convertFeeds, type FeedFile } from '../server/baseline-convert.ts';
import { fetchText } from '../server/baseline-fetch.ts';
import {
  MAX_BASELINE,
  openBaseline,
  parseBaseline,
  sealBaseline,
  type SignedBaseline,
} from '../server/baseline-file.ts';
import { ensureBaselineKey, ownBaselineKey } from '../server/baseline-key.ts';
import type { ServerConfig } from '../server/config.ts';
import { pathsIn } from '../server/data-folder.ts';
import { findBaseline, type StoredBaseline } from '../server/store/baselines.ts';
import { complain, printable, say, sayJson, table } from './present.ts';
import { serverConfig, withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

/** A feed is a page of somebody's site; none is anywhere near. */
const MAX_FEED = 16 * 1024 * 1024;
const MAX_CA = 1024 * 1024;

export type ImportOptions = ServerOptions & { older?: boolean; ca?: string };

/** `drawbridge-server baseline import FILE|URL`, or `shipped`. */
export async function importCommand(source: string, options: ImportOptions): Promise<number> {
  const stored = await withStore(options, async (store, config) => {
    const signed = await signedBaseline(source, config, options.ca);
    const by = { actor: 'cli', now: Date.now() };
    return store.write((db) => importBaseline(db, signed, by, options.older));
  });
  if (!stored.ok) throw new UsageError(stored.error);
  if (options.json) sayJson(documentOf(stored.value));
  else
    say(`Baseline of ${stored.value.baseline.date} is in force; a running server takes it within seconds.`);
  return 0;
}

async function signedBaseline(
  source: string,
  config: ServerConfig,
  caFile: string | undefined,
): Promise<SignedBaseline> {
  if (source === 'shipped') return { baseline: await shippedBaseline(), signer: 'shipped' };
  const own = await ownBaselineKey(pathsIn(config.dataDir));
  const trusted = new Set([...config.baseline.signers, ...(own === null ? [] : [own.kid])]);
  const opened = await openBaseline(await textOf(source, caFile), trusted);
  if (!opened.ok) throw new UsageError(`${source}: ${opened.error}`);
  return opened.value;
}

async function textOf(source: string, caFile: string | undefined): Promise<string> {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return readBounded(source, MAX_BASELINE);
  const ca = caFile === undefined ? undefined : await readBounded(caFile, MAX_CA);
  const fetched = await fetchText(source, { maxBytes: MAX_BASELINE, ca });
  if (!fetched.ok) throw new UsageError(fetched.error);
  return fetched.value;
}

async function readBounded(file: string, maxBytes: number): Promise<string> {
  try {
    const bytes = await readFile(file);
    if (bytes.length <= maxBytes) return bytes.toString('utf8');
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  throw new UsageError(`${file} is larger than ${maxBytes} bytes.`);
}

/** `drawbridge-server baseline show`. */
export async function showCommand(options: ServerOptions): Promise<number> {
  const stored = await withStore(options, (store) => store.read(findBaseline));
  if (stored === null) {
    throw new UsageError(
      'There is no baseline yet. A server takes the shipped one when it starts; or: drawbridge-server baseline import shipped',
    );
  }
  if (options.json) sayJson(documentOf(stored));
  else await show(stored);
  return 0;
}

function documentOf({ baseline, signer, importedAt, by }: StoredBaseline) {
  return {
    date: baseline.date,
    signer,
    importedAt: iso(importedAt),
    by,
    sections: sectionsOf(baseline),
    baseline,
  };
}

function sectionsOf(baseline: Baseline) {
  const now = Date.now();
  return SECTIONS.flatMap((name) => {
    const section = baseline[name];
    if (section === null) return [];
    const releases = 'releases' in section ? section.releases.length : section.products.length;
    return [{ name, asOf: section.asOf, ageDays: ageDays(section.asOf, now), releases }];
  });
}

function ageDays(day: string, now: number): number {
  return Math.floor((now - Date.parse(day)) / 86_400_000);
}

async function show(stored: StoredBaseline): Promise<void> {
  const { baseline, signer, importedAt, by } = stored;
  const from = signer === 'shipped' ? 'came with this program' : `signed by ${signer}`;
  say(`Baseline of ${baseline.date}, ${from}, in force since ${iso(importedAt)} (${by}).\n`);
  const rows = sectionsOf(baseline).map(({ name, asOf, ageDays: age, releases }) => [
    name,
    asOf,
    `${age} days`,
    String(releases),
  ]);
  say(await table(['Section', 'Complete up to', 'Age', 'Entries'], rows));
  if (baseline.sources.length > 0)
    say(`\nFrom:\n${baseline.sources.map((one) => `  ${printable(one)}`).join('\n')}`);
}

export type SignOptions = ServerOptions & { out?: string };

/** `drawbridge-server baseline sign FILE`: with the server's own baseline key, which is made where there is none. */
export async function signCommand(file: string, options: SignOptions): Promise<number> {
  const parsed = parseBaseline(await readBounded(file, MAX_BASELINE));
  if (!parsed.ok) throw new UsageError(`${file}: ${parsed.error}`);
  const signer = await ensureBaselineKey(pathsIn((await serverConfig(options)).dataDir));
  const jws = await sealBaseline(parsed.value, signer);
  if (options.out === undefined) say(jws);
  else await writeAtomic(options.out, `${jws}\n`, 0o644);
  complain(
    `Signed by ${signer.kid}. Other servers take it once baseline.signers in their server.yaml names that key.`,
  );
  return 0;
}

export type ConvertOptions = {
  sofa?: string;
  windows: string[];
  distroInfo: string[];
  asOf?: string;
  out?: string;
};

/** `drawbridge-server baseline convert`: public feeds in, an unsigned baseline out. */
export async function convertCommand(options: ConvertOptions): Promise<number> {
  const { sofa, windows, distroInfo, out } = options;
  const made = convertFeeds({
    sofa: sofa === undefined ? undefined : await feed(sofa),
    windows: await Promise.all(windows.map(feed)),
    distroInfo: await Promise.all(distroInfo.map(feed)),
    asOf: dayOf(options.asOf),
    date: iso(Date.now()).slice(0, 10),
  });
  if (!made.ok) throw new UsageError(made.error);
  if (out === undefined) sayJson(made.value);
  else await writeAtomic(out, `${JSON.stringify(made.value, null, 2)}\n`, 0o644);
  return 0;
}

async function feed(file: string): Promise<FeedFile> {
  return { name: basename(file), text: await readBounded(file, MAX_FEED) };
}

function dayOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
  if (!isDay) throw new UsageError('--as-of is a day such as 2026-11-20.');
  if (Date.parse(text) > Date.now())
    throw new UsageError('--as-of lies in the future: nobody knows what comes out then.');
  return text;
}
