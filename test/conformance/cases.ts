import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ProbeAnswer, Questions } from '../../collectors/check.ts';
import { checkIds, type CheckId } from '../../collectors/specs.ts';
import { DOORS, type Recording } from '../../src/agent/replay.ts';
import { WHYS } from '../../src/base/reading.ts';

/** First and last line, counted from 1, both included; a last line before the first is an empty answer. */
const lines = z.tuple([z.number().int().positive(), z.number().int().nonnegative()]);

const fileStatus = z.object({
  modifiedMs: z.number(),
  mode: z.number().int(),
  uid: z.number().int(),
  kind: z.enum(['file', 'folder', 'other']),
  size: z.number(),
  inode: z.number(),
});

const caseSchema = z.object({
  id: z.string(),
  os: z.enum(['linux', 'windows', 'macos']),
  check: z.enum(checkIds as [CheckId, ...CheckId[]]),
  host: z.object({
    commands: z
      .array(
        z.object({
          argv: z.array(z.string()).min(1),
          stdin: z.string().optional(),
          as: z.string().optional(),
          stdout: z.string().optional(),
          stderr: z.string().optional(),
          exit: z.number().int().default(0),
          failure: z.enum(['denied', 'timeout', 'flood', 'signal']).optional(),
          lines: lines.optional(),
        }),
      )
      .default([]),
    files: z.record(z.string(), z.union([z.string(), z.object({ file: z.string(), lines })])).default({}),
    dirs: z.record(z.string(), z.array(z.string())).default({}),
    links: z.record(z.string(), z.string()).default({}),
    statuses: z.record(z.string(), fileStatus).default({}),
    problems: z
      .array(
        z.object({
          door: z.enum(DOORS),
          path: z.string(),
          problem: z.enum(['denied', 'too-large', 'failed']),
        }),
      )
      .default([]),
    probes: z.record(z.string(), z.string()).default({}),
    root: z.boolean().default(true),
    /** What the policy asks of this machine, where a reader looks at nothing else. */
    questions: z
      .object({
        watch: z.array(z.object({ rule: z.string(), executable: z.string() })).default([]),
        tags: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
      })
      .optional(),
  }),
  expect: z.union([
    z.strictObject({ unknown: z.array(z.enum(WHYS)).min(1) }),
    z.record(z.string(), z.unknown()),
  ]),
  truth: z.string().default(''),
});

/** One captured machine and what it truly says (FACTS §C). */
export type Case = z.infer<typeof caseSchema>;

/** Reads `cases.jsonl` in `folder`. Throws with the line's number when a line is not a case. */
export function loadCases(folder: string): Case[] {
  const text = readFileSync(join(folder, 'cases.jsonl'), 'utf8');
  return text
    .split('\n')
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, number }) => parseCase(line, `${folder}/cases.jsonl:${number}`));
}

function parseCase(line: string, where: string): Case {
  const parsed = caseSchema.safeParse(JSON.parse(line));
  if (!parsed.success) throw new Error(`${where}: not a case: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Loads the captures that a case names, relative to `folder`. */
export function loadRecording(one: Case, folder: string): Recording {
  const bytes = (name: string) => readFileSync(join(folder, name));
  const text = (name: string | undefined, range?: readonly [number, number]) =>
    name === undefined ? '' : cut(bytes(name), range).toString('utf8');
  return {
    root: one.host.root,
    ...(one.host.questions === undefined ? {} : { questions: one.host.questions as Questions }),
    commands: one.host.commands.map((command) => ({
      argv: command.argv,
      ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
      ...(command.as === undefined ? {} : { as: command.as }),
      stdout: text(command.stdout, command.lines),
      stderr: text(command.stderr),
      exit: command.exit,
      ...(command.failure === undefined ? {} : { failure: command.failure }),
    })),
    files: new Map(
      Object.entries(one.host.files).map(([path, source]) => [
        path,
        typeof source === 'string' ? bytes(source) : cut(bytes(source.file), source.lines),
      ]),
    ),
    dirs: new Map(Object.entries(one.host.dirs)),
    links: new Map(Object.entries(one.host.links)),
    statuses: new Map(Object.entries(one.host.statuses)),
    problems: one.host.problems,
    probes: new Map(Object.entries(one.host.probes).map(([name, file]) => [name, asProbe(text(file))])),
  };
}

function cut(content: Buffer, range?: readonly [number, number]): Buffer {
  if (!range) return content;
  if (range[1] < range[0]) return Buffer.alloc(0);
  // latin1 keeps every byte as it is.
  const all = content.toString('latin1').split('\n');
  const ending = range[1] < all.length ? '\n' : '';
  return Buffer.from(all.slice(range[0] - 1, range[1]).join('\n') + ending, 'latin1');
}

/** A probe's capture is the probe's whole answer, or its data alone. */
function asProbe(json: string): ProbeAnswer {
  const value: unknown = JSON.parse(json.replace(/^\uFEFF/, ''));
  if (typeof value === 'object' && value !== null && 'ok' in value) return value as ProbeAnswer;
  return { ok: true, ms: 0, data: value };
}
