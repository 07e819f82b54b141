import type { z } from 'zod';
import type { Command } from '../src/base/commands.ts';
import type { Output, RunOptions } from '../src/base/exec.ts';
import type { Observed } from '../src/base/reading.ts';
import { onDemand } from '../src/base/on-demand.ts';
import type { Result } from '../src/base/result.ts';

export type { Output } from '../src/base/exec.ts';

/** Why a file or folder could not be read. `missing` and `denied` are different answers, never mixed up. */
export type FileProblem = 'missing' | 'denied' | 'too-large' | 'failed';

export type FileStatus = {
  /** Milliseconds since the epoch of the last change of content. */
  modifiedMs: number;
  /** Permission bits, such as 0o600. */
  mode: number;
  uid: number;
  kind: 'file' | 'folder' | 'other';
  /** Bytes. */
  size: number;
  inode: number;
};

export type CommandOptions = Pick<RunOptions, 'stdin' | 'stdinLater' | 'timeoutMs' | 'maxBytes'> & {
  /** Run as this user instead of as the agent (questions that only a session's owner can answer). */
  as?: string;
};

/** What one probe of the Windows script answered: its data, or how it failed. */
export type ProbeAnswer =
  | { ok: true; ms: number; data: unknown }
  | { ok: false; ms: number; fqid: string; hresult: number; message: string };

/** What the running agent knows of itself; no system call answers these. */
export type AgentSelf = {
  version: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  keyProtection: 'tpm' | 'os-keystore' | 'file' | null;
  integrity: boolean | null;
  spoolDropped: number;
  crashes: number;
  managed: readonly string[];
};

/** A program on the policy's watch-list, by the base name of its executable. */
export type WatchRule = { rule: string; executable: string };

/**
 * One yes-or-no question of the policy: exactly one of these. The policy's schema (`src/policy/questions-schema.ts`)
 * bounds every word of it; an answer is yes, no, or unknown, and nothing of what was read.
 */
export type TagQuestion = {
  /** A regular file that exists, with this content where `sha256` (hexadecimal) is given. */
  file?: { path: string; sha256?: string | undefined } | undefined;
  registry?: { key: string; value: string; equals: string | number } | undefined;
  /** `key` names a value in the list; `:` leads into nested dictionaries. */
  plist?: { path: string; key: string; equals: string | number | boolean } | undefined;
  service?: { name: string; state: 'running' | 'stopped' } | undefined;
  package?: { name: string; atLeast: string } | undefined;
};

/** What this device's policy asks beyond the built-in checks. */
export type Questions = {
  readonly watch: readonly WatchRule[];
  readonly tags: Readonly<Record<string, TagQuestion>>;
};

export const NO_QUESTIONS: Questions = { watch: [], tags: {} };

/**
 * Answers that are dear to compute and change only when something on disk does. `fingerprint` says what the answer
 * was computed from; an entry with another one does not exist. What comes back is untrusted: parse it, and treat a
 * value of the wrong shape as a miss.
 */
export interface Cache {
  get(key: string, fingerprint: string): unknown;
  set(key: string, fingerprint: string, value: unknown): void;
}

/** The only door to the operating system. Tests and `--from` replay captured answers through the same door. */
export interface Host {
  /** Root, or an elevated administrator on Windows. */
  readonly isRoot: boolean;
  readonly self: AgentSelf;
  readonly questions: Questions;
  readonly cache: Cache;
  /** Never rejects; see `Output.failure`. */
  run(command: Command, argv: readonly string[], options?: CommandOptions): Promise<Output>;
  /** A whole file as UTF-8; at most 4 MiB. */
  readText(path: string): Promise<Result<string, FileProblem>>;
  readBytes(path: string): Promise<Result<Uint8Array, FileProblem>>;
  /** Names in a folder, sorted. */
  list(path: string): Promise<Result<string[], FileProblem>>;
  /** The target of a symbolic link, as written. */
  readLink(path: string): Promise<Result<string, FileProblem>>;
  status(path: string): Promise<Result<FileStatus, FileProblem>>;
  /** One probe of this cycle's Windows document (FACTS §B names them); null where there is none. */
  probe(name: string): Promise<ProbeAnswer | null>;
}

/** Reads one check on one system. Never throws, never guesses. */
export type Reader<F> = (host: Host) => Promise<Observed<F>>;

/** What a check is. Pure: shared by the agent that reads it and the server that judges it. */
export type Spec<Id extends string = string, F extends z.ZodType = z.ZodType, R extends string = string> = {
  id: Id;
  /** Rises when the meaning of the fact changes. */
  version: number;
  /** Milliseconds after which the reading is `unknown: timeout`. */
  timeoutMs: number;
  /** One sentence for the employee: what is read, and why. Tray, console and docs show this very text. */
  collects: string;
  fact: F;
  /** What can be wrong, one code each; the words for people are in `remedy.ts`. */
  reasons: readonly R[];
};

/** `fact` makes the shape of the check's fact: it is large, and needed while one is read or received. */
export function defineCheck<const Id extends string, F extends z.ZodType, const R extends string>({
  fact,
  ...rest
}: Omit<Spec<Id, F, R>, 'fact'> & { fact: () => F }): Spec<Id, F, R> {
  const shape = onDemand(fact);
  return {
    ...rest,
    get fact() {
      return shape();
    },
  };
}

export const PLATFORMS = ['windows', 'macos', 'linux'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** When a person is to be told of a problem, and when not. */
export type Patience = {
  /** Minutes for which it has to last first: what mends itself within them bothers nobody. */
  afterMinutes?: number;
  /** Reasons that it comes with: while one of them is there, that one alone is told of. */
  unless?: readonly string[];
};

/**
 * Systems on which the steps differ from those of their platform: older versions, distributions, desktops. Which one a
 * device is says `variantsOf` in `collectors/words.ts`.
 */
export const VARIANTS = [
  'windows-10',
  'macos-12',
  'ubuntu',
  'debian',
  'fedora',
  'suse',
  'gnome',
  'kde',
] as const;
export type Variant = (typeof VARIANTS)[number];

/** What an employee is told about one reason. Calm, specific, without blame; plain text, no more. */
export type Remedy = {
  /** A line: what is wrong. */
  title: string;
  /** A line: the one thing to do. */
  action: string;
  /** A sentence: why it matters. */
  why: string;
  /** Numbered steps for each system, five at most. */
  steps: Record<Platform, readonly string[]> & Partial<Record<Variant, readonly string[]>>;
  patience?: Patience;
};
