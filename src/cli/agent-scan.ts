import { lookup } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { iso, systemClock } from '../base/clock.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { productVersion } from '../base/version.ts';
import { junitOf } from '../scan/junit.ts';
import { sarifOf } from '../scan/sarif.ts';
import { scan, STATES, type Scanned, type State } from '../scan/scan.ts';
import { ASK_ABOVE, targetsOf, wordsIn, type Target } from '../scan/targets.ts';
import { heardFrom, MEANS } from '../scan/words.ts';
import { complain, paint, say, table, withProgress, type Colour } from './present.ts';
import { UsageError } from './usage-error.ts';
import { isAgreed } from './agreed.ts';

export type ScanCommand = {
  file?: string;
  format?: string;
  json?: boolean;
  out?: string;
  failOn?: string[];
  rate?: string;
  yes?: boolean;
};

const EXIT_FOUND = 1;
const EXIT_UNASKED = 3;

const FORMATS = ['table', 'json', 'sarif', 'junit'] as const;
type Format = (typeof FORMATS)[number];

const MAX_FILE = 4 * 1024 * 1024;
const DEFAULT_RATE = 50;
const MAX_RATE = 1_000;

type Wanted = { format: Format; failing: ReadonlySet<State>; rate: number };

/** `drawbridge scan`. 0 all asked, 1 a state of `--fail-on` was found, 3 not all could be asked (or not agreed to). */
export async function scanHosts(hosts: readonly string[], options: ScanCommand): Promise<number> {
  const wanted = wantedBy(options);
  const words = [...hosts, ...(options.file === undefined ? [] : await wordsOf(options.file))];
  if (words.length === 0)
    throw new UsageError('Name a host, an address or a network: drawbridge scan vpn.example.com');
  const targets = await findTargets(words);
  if (!(await mayAsk(targets, options.yes === true, wanted.rate))) return EXIT_UNASKED;
  const from = iso(systemClock.now());
  const title = `Asking ${targets.length} ${targets.length === 1 ? 'address' : 'addresses'}`;
  const scanned = await withProgress(title, () => scan(targets, { clock: systemClock, rate: wanted.rate }));
  await show(scanned, wanted, { from, to: iso(systemClock.now()), out: options.out });
  return exitFor(scanned, wanted.failing);
}

function wantedBy({ format, json, failOn = [], rate }: ScanCommand): Wanted {
  const chosen = json === true ? 'json' : (format ?? 'table');
  const known = FORMATS.find((one) => one === chosen);
  if (known === undefined)
    throw new UsageError(`There is no format ${chosen}. There are ${FORMATS.join(', ')}.`);
  const states = failOn.flatMap((list) => list.split(',')).map((name) => STATES.find((one) => one === name));
  if (states.includes(undefined)) throw new UsageError(`--fail-on takes states: ${STATES.join(', ')}.`);
  const perSecond = rate === undefined ? DEFAULT_RATE : Number(rate);
  if (!Number.isInteger(perSecond) || perSecond < 1 || perSecond > MAX_RATE)
    throw new UsageError(`--rate takes packets a second, 1 to ${MAX_RATE}.`);
  return { format: known, failing: new Set(states.filter((one) => one !== undefined)), rate: perSecond };
}

async function wordsOf(file: string): Promise<string[]> {
  const { size } = await stat(file);
  if (size > MAX_FILE) throw new UsageError(`${file} is larger than ${MAX_FILE} bytes.`);
  return wordsIn(await readFile(file, 'utf8'));
}

async function resolve(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

async function findTargets(words: readonly string[]): Promise<Target[]> {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const targets = await targetsOf(words, resolve, own);
  if (!targets.ok) throw new UsageError(targets.error);
  return targets.value;
}

/** Three transmissions of five questions to whoever is silent. */
const PACKETS_A_HOST = 15;

async function mayAsk(targets: readonly Target[], isAgreedTo: boolean, rate: number): Promise<boolean> {
  if (targets.length <= ASK_ABOVE || isAgreedTo) return true;
  const minutes = Math.ceil((targets.length * PACKETS_A_HOST) / rate / 60);
  const question = `${targets.length} addresses will be asked, for up to ${minutes} minutes. Are you allowed to?`;
  const answer = await isAgreed(question);
  if (answer === null)
    throw new UsageError(`That is ${targets.length} addresses: say --yes to ask more than ${ASK_ABOVE}.`);
  return answer;
}

type Showing = { from: string; to: string; out: string | undefined };

async function show(scanned: readonly Scanned[], wanted: Wanted, { from, to, out }: Showing): Promise<void> {
  const text = await textOf(scanned, wanted, { from, to });
  if (out === undefined) return say(text);
  await writeAtomic(out, `${text}\n`);
  complain(`Written: ${out}`);
}

function textOf(
  scanned: readonly Scanned[],
  { format, failing }: Wanted,
  at: { from: string; to: string },
): Promise<string> | string {
  if (format === 'json') return JSON.stringify(documentOf(scanned, at), null, 2);
  if (format === 'sarif') return JSON.stringify(sarifOf(scanned, productVersion(), at), null, 2);
  if (format === 'junit') return junitOf(scanned, failing, at.from);
  return tableOf(scanned);
}

function documentOf(scanned: readonly Scanned[], at: { from: string; to: string }) {
  const states = STATES.filter((state) => scanned.some((one) => one.state === state));
  return {
    ...at,
    counts: Object.fromEntries(STATES.map((state) => [state, countOf(scanned, state)])),
    means: Object.fromEntries(states.map((state) => [state, MEANS[state]])),
    hosts: scanned,
  };
}

const COLOURS: Readonly<Record<State, Colour>> = {
  exposed: 'red',
  ipsec: 'green',
  refused: 'green',
  silent: 'dim',
  unasked: 'yellow',
};

async function tableOf(scanned: readonly Scanned[]): Promise<string> {
  const rows = scanned.map((one) => [
    one.name === one.address ? one.address : `${one.address} (${one.name})`,
    paint(COLOURS[one.state], one.state),
    heardFrom(one),
  ]);
  const met = STATES.filter((state) => countOf(scanned, state) > 0);
  const meanings = met.map(
    (state) => `${paint(COLOURS[state], state)} (${countOf(scanned, state)}): ${MEANS[state]}`,
  );
  return [await table(['Host', 'State', 'Heard'], rows), '', ...meanings].join('\n');
}

function countOf(scanned: readonly Scanned[], state: State): number {
  return scanned.filter((one) => one.state === state).length;
}

function exitFor(scanned: readonly Scanned[], failing: ReadonlySet<State>): number {
  if (scanned.some(({ state }) => failing.has(state))) return EXIT_FOUND;
  return scanned.some(({ state }) => state === 'unasked') ? EXIT_UNASKED : 0;
}
