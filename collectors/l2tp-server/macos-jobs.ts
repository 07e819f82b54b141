import type { Host } from '../check.ts';
import { readPlist } from '../macos-read.ts';
import { at, flagOf, itemsOf, linesOf, textOf } from '../macos-values.ts';

/** A launchd job that runs a server of ours to know. */
export type ServerJob = { label: string; start: 'auto' | 'manual' | 'disabled' };

const FOLDER = '/Library/LaunchDaemons';
/** Where instructions for building such a server by hand put it. */
const USUAL = ['/Library', '/System/Library'].map((root) => `${root}/LaunchDaemons/com.apple.ppp.l2tp.plist`);
/** Apple's own engine, and SoftEther's. Other programs called vpnd do not live under these names. */
const ENGINES = new Set(['vpnd', 'vpnserver']);
const MAX_JOBS = 500;

/** All jobs that start an L2TP server, whatever they are called. */
export async function readServerJobs(host: Host): Promise<ServerJob[]> {
  const names = await host.list(FOLDER);
  const listed = names.ok ? names.value.filter((name) => name.endsWith('.plist')) : [];
  const paths = new Set([...USUAL, ...listed.slice(0, MAX_JOBS).map((name) => `${FOLDER}/${name}`)]);
  const jobs = await Promise.all([...paths].map((path) => readServerJob(host, path)));
  return jobs.filter((job) => job !== null);
}

/** Most jobs are dropped by a look at their bytes: converting each of them would start a program for each. */
async function readServerJob(host: Host, path: string): Promise<ServerJob | null> {
  const text = await host.readText(path);
  if (!text.ok || ![...ENGINES].some((engine) => text.value.includes(engine))) return null;
  const list = await readPlist(host, path);
  return list.ok ? parseServerJob(list.value) : null;
}

/** `vpnd -i com.apple.ppp.l2tp`; told to serve something else (`com.apple.ppp.pptp`), it is none of ours. */
export function parseServerJob(list: unknown): ServerJob | null {
  const argv = itemsOf(at(list, 'ProgramArguments')).flatMap((word) => textOf(word) ?? []);
  const program = (textOf(at(list, 'Program')) ?? argv[0] ?? '').split('/').at(-1) ?? '';
  const label = textOf(at(list, 'Label'));
  if (label === null || !ENGINES.has(program)) return null;
  const served = argv[argv.indexOf('-i') + 1];
  if (argv.includes('-i') && served !== 'com.apple.ppp.l2tp') return null;
  return { label, start: startOf(list) };
}

function startOf(list: unknown): ServerJob['start'] {
  if (flagOf(at(list, 'Disabled')) === true) return 'disabled';
  const keepAlive = at(list, 'KeepAlive');
  const isKept = typeof keepAlive === 'object' || flagOf(keepAlive) === true;
  const startsAlone =
    isKept || flagOf(at(list, 'RunAtLoad')) === true || flagOf(at(list, 'OnDemand')) === false;
  return startsAlone ? 'auto' : 'manual';
}

/** `launchctl list`: process id or `-`, last status, label. Loaded alone means nothing: many jobs run on demand. */
export function parseRunningJobs(text: string): Set<string> | null {
  const rows = linesOf(text).map((line) => /^(\d+|-)\s+-?\d+\s+(\S+)\s*$/.exec(line));
  const jobs = rows.filter((row) => row !== null);
  if (jobs.length === 0) return null;
  return new Set(jobs.filter((row) => row[1] !== '-').map((row) => row[2] ?? ''));
}
