import type { Host, Output } from '../../../collectors/check.ts';
import { pfctl } from '../../base/commands.ts';

type PfHost = Pick<Host, 'run'>;

/**
 * A place in macOS' packet filter that is ours alone. Its name lies below `com.apple/`: the rules that every Mac loads
 * evaluate `com.apple/*`, so that the main rules need no change of ours; `000.` puts it before the others there.
 */
export type Anchor = {
  name: `com.apple/000.drawbridge-${string}`;
  /** The first word of our rules' labels. */
  mark: string;
};

/** A rule, and what its label says of it: at most 40 characters. */
export type PfRule = { rule: string; about: string };

export type AnchorView = {
  /** What the labels of our rules say, in their order; empty where there are none. */
  abouts: string[];
  /** Whether every rule of ours is there. */
  whole: boolean;
  /** Our hold on pf being on, if there is one. */
  token: string | null;
  /** Why rules there have no effect, or it could not be seen. */
  problems: string[];
};

const TIMEOUT_MS = 5_000;
const OFF = 'pf is off';

/**
 * Loads the anchor's rules in one step. pf is off on most Macs and on for as long as somebody holds a token, which we
 * keep in a label: it is needed as long as the rules are, and both are gone after a restart. Answers with a problem.
 */
export async function loadAnchor(
  host: PfHost,
  anchor: Anchor,
  rules: readonly PfRule[],
): Promise<string | null> {
  const before = await viewAnchor(host, anchor);
  // A pf that somebody turned off has forgotten all tokens.
  const held = before.problems.includes(OFF) ? null : before.token;
  const token = held ?? (await enable(host));
  if (token === null) return 'pf could not be turned on';
  const text = rules.map(({ rule, about }, index) => {
    const label = `${anchor.mark} ${index + 1}/${rules.length} ${index === 0 ? `token ${token}` : about}`;
    return `${rule} label "${label}"\n`;
  });
  const loaded = await host.run(pfctl, ['-a', anchor.name, '-f', '-'], {
    stdin: text.join(''),
    timeoutMs: TIMEOUT_MS,
  });
  if (loaded.code === 0) return null;
  if (held === null) await release(host, token);
  return `pfctl did not load the rules: ${complaint(loaded)}`;
}

/** Takes the rules out and gives the token back; nothing to take out is fine. Answers with a problem. */
export async function emptyAnchor(host: PfHost, anchor: Anchor): Promise<string | null> {
  const { token, abouts } = await viewAnchor(host, anchor);
  if (abouts.length === 0 && token === null) return null;
  const flushed = await host.run(pfctl, ['-a', anchor.name, '-F', 'rules'], { timeoutMs: TIMEOUT_MS });
  if (flushed.code !== 0) return `pfctl did not take the rules out: ${complaint(flushed)}`;
  return token === null ? null : release(host, token);
}

async function enable(host: PfHost): Promise<string | null> {
  const { stdout, stderr } = await host.run(pfctl, ['-E'], { timeoutMs: TIMEOUT_MS });
  return /^Token\s*:\s*(\d{1,20})\s*$/m.exec(`${stderr}\n${stdout}`)?.[1] ?? null;
}

async function release(host: PfHost, token: string): Promise<string | null> {
  const released = await host.run(pfctl, ['-X', token], { timeoutMs: TIMEOUT_MS });
  return released.code === 0 ? null : `pfctl did not take the token back: ${complaint(released)}`;
}

/** What is in force there now. */
export async function viewAnchor(host: PfHost, anchor: Anchor): Promise<AnchorView> {
  const ask = (argv: readonly string[]) => host.run(pfctl, argv, { timeoutMs: TIMEOUT_MS });
  const [own, main, info] = [
    await ask(['-a', anchor.name, '-s', 'rules']),
    await ask(['-s', 'rules']),
    await ask(['-s', 'info']),
  ];
  const labels = labelsIn(own.stdout, anchor.mark);
  const token = labels.map(({ about }) => /^token (\d{1,20})$/.exec(about)?.[1]).find((one) => one) ?? null;
  const ruleCount = own.stdout.split('\n').filter((line) => /^(?:block|pass)\b/.test(line)).length;
  return {
    abouts: labels.map(({ about }) => about).filter((about) => !about.startsWith('token ')),
    whole: labels.length > 0 && labels.every(({ count }) => count === labels.length && count === ruleCount),
    token,
    problems: own.code === 0 ? problemsOf(main, info) : [`pfctl: ${complaint(own)}`],
  };
}

function labelsIn(text: string, mark: string): { about: string; count: number }[] {
  return [...text.matchAll(/ label "([^"]{1,63})"/g)].flatMap(([, label = '']) => {
    const [, word, count, about] = /^(\S+) \d+\/(\d+) (.*)$/.exec(label) ?? [];
    return word === mark && count !== undefined && about !== undefined
      ? [{ about, count: Number(count) }]
      : [];
  });
}

/** pf has to be on, and nothing may decide before ours is asked. */
function problemsOf(main: Output, info: Output): string[] {
  const lines = main.stdout.split('\n').filter((line) => /^(?:block|pass|anchor)\b/.test(line));
  const place = lines.findIndex((line) => line.startsWith('anchor "com.apple/*"'));
  const problems: string[] = [];
  if (!/^Status: Enabled\b/m.test(info.stdout)) problems.push(OFF);
  if (place < 0)
    problems.push(
      'the main rules of pf do not ask com.apple/*: put the line anchor "com.apple/*" back into /etc/pf.conf',
    );
  else if (lines.slice(0, place).some((line) => / quick\b/.test(line)))
    problems.push('a quick rule in /etc/pf.conf stands before com.apple/* and may decide before ours');
  return problems;
}

/** pfctl talks of ALTQ at every start. */
function complaint({ failure, stderr, code }: Output): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/ALTQ/.test(line));
  return (failure ?? lines.at(-1)?.trim() ?? `exit ${code}`).slice(0, 200);
}

/** Forgets connections that pf lets pass because it knows them: those from an address, and those to it. */
export async function forgetConnections(host: PfHost, address: string): Promise<void> {
  const everybody = address.includes(':') ? '::/0' : '0.0.0.0/0';
  await host.run(pfctl, ['-k', address], { timeoutMs: TIMEOUT_MS });
  await host.run(pfctl, ['-k', everybody, '-k', address], { timeoutMs: TIMEOUT_MS });
}
