import { gunzipSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import { checkIds, type CheckId } from '../../collectors/specs.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Answer } from './recorder.ts';
import { DOORS, type Recording } from './replay.ts';

const FORMAT = 'drawbridge-capture';

/** Rises when an older program could misread a newer archive. */
const VERSION = 1;

export const MAX_PACKED = 64 * 1024 * 1024;
const MAX_UNPACKED = 160 * 1024 * 1024;
const MAX_ANSWERS = 20_000;

const text = (max: number) => z.string().max(max);
const path = text(4_096);
const short = text(200);
const content = text(24 * 1024 * 1024);
const checks = z.array(z.enum(checkIds as [CheckId, ...CheckId[]])).max(checkIds.length);

/** Text as it is; bytes that are no UTF-8 as base64. */
const fileContent = z.union([z.strictObject({ text: content }), z.strictObject({ base64: content })]);

const probeAnswer = z.union([
  z.object({ ok: z.literal(true), ms: z.number(), data: z.unknown() }),
  z.object({ ok: z.literal(false), ms: z.number(), fqid: path, hresult: z.number().int(), message: content }),
]);

const fileStatus = z.object({
  modifiedMs: z.number().finite(),
  mode: z.number().int().nonnegative(),
  uid: z.number().int().nonnegative(),
  kind: z.enum(['file', 'folder', 'other']),
  size: z.number().nonnegative(),
  inode: z.number().nonnegative(),
});

const answer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('command'),
    checks,
    argv: z
      .array(text(64 * 1024))
      .min(1)
      .max(1_000),
    stdin: content.optional(),
    as: short.optional(),
    stdout: content,
    stderr: content,
    exit: z.number().int(),
    failure: z.enum(['denied', 'timeout', 'flood', 'signal']).optional(),
  }),
  z.object({ kind: z.literal('file'), checks, path, content: fileContent }),
  z.object({ kind: z.literal('folder'), checks, path, names: z.array(path).max(100_000) }),
  z.object({ kind: z.literal('link'), checks, path, target: path }),
  z.object({ kind: z.literal('status'), checks, path, status: fileStatus }),
  z.object({
    kind: z.literal('problem'),
    checks,
    path,
    door: z.enum(DOORS),
    problem: z.enum(['denied', 'too-large', 'failed']),
  }),
  z.object({ kind: z.literal('probe'), checks, name: text(100), answer: probeAnswer }),
]);

const self = z.object({
  version: short,
  startedAt: z.iso.datetime(),
  keyProtection: z.enum(['tpm', 'os-keystore', 'file']).nullable(),
  integrity: z.boolean().nullable(),
  spoolDropped: z.number().int().nonnegative(),
  crashes: z.number().int().nonnegative(),
  managed: z.array(short).max(100).readonly(),
});

const archiveSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  /** When it was taken, and by which version of the agent. */
  takenAt: z.iso.datetime(),
  agent: short,
  platform: z.enum(['windows', 'macos', 'linux']),
  /** The system in its own words, `Ubuntu 24.04.1 LTS`; null where it could not be read. */
  system: short.nullable(),
  root: z.boolean(),
  checks,
  self,
  /** Answers beyond the bounds, which are not here. */
  leftOut: z.number().int().nonnegative(),
  answers: z.array(answer).max(MAX_ANSWERS),
});

/** What a capture holds, with the answers as the readers got them. */
export type Archive = Omit<z.infer<typeof archiveSchema>, 'format' | 'version' | 'answers'> & {
  answers: Answer[];
};

type Stored = z.infer<typeof answer>;

export function packArchive(archive: Archive): Uint8Array {
  const { answers, ...head } = archive;
  const document = { format: FORMAT, version: VERSION, ...head, answers: answers.map(stored) };
  // A person may want to read it: one answer is a few lines of its own.
  return gzipSync(`${JSON.stringify(document, null, 1)}\n`, { level: 9 });
}

/** Reads an archive that anybody may have written. The error is a sentence for a person. */
export function openArchive(packed: Uint8Array): Result<Archive, string> {
  if (packed.length > MAX_PACKED) return err('it is larger than any capture');
  const document = unpackedJson(packed);
  if (document === undefined) return err('it is no compressed JSON document, or one larger than any capture');
  const parsed = archiveSchema.safeParse(document);
  if (!parsed.success)
    return err(`it is no capture that this version reads: ${z.prettifyError(parsed.error)}`);
  const { answers, ...head } = parsed.data;
  return ok({ ...head, answers: answers.map(restored) });
}

function unpackedJson(packed: Uint8Array): unknown {
  try {
    return JSON.parse(gunzipSync(packed, { maxOutputLength: MAX_UNPACKED }).toString('utf8'));
  } catch {
    return undefined;
  }
}

function stored(one: Answer): unknown {
  if (one.kind !== 'file') return one;
  const bytes = Buffer.from(one.content);
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(bytes);
  return { ...one, content: isText ? { text } : { base64: bytes.toString('base64') } };
}

function restored(one: Stored): Answer {
  if (one.kind !== 'file') return one as Answer;
  const { content } = one;
  const bytes = 'text' in content ? Buffer.from(content.text, 'utf8') : Buffer.from(content.base64, 'base64');
  return { ...one, content: bytes };
}

/** The machine that answered; with `check`, only what that check asked. */
export function recordingOf(archive: Pick<Archive, 'root' | 'self' | 'answers'>, check?: CheckId): Recording {
  const own = archive.answers.filter(({ checks }) => check === undefined || checks.includes(check));
  const of = <K extends Answer['kind']>(kind: K) =>
    own.filter((one): one is Extract<Answer, { kind: K }> => one.kind === kind);
  return {
    root: archive.root,
    self: archive.self,
    commands: of('command'),
    files: new Map(of('file').map(({ path, content }) => [path, content])),
    dirs: new Map(of('folder').map(({ path, names }) => [path, names])),
    links: new Map(of('link').map(({ path, target }) => [path, target])),
    statuses: new Map(of('status').map(({ path, status }) => [path, status])),
    problems: of('problem'),
    probes: new Map(of('probe').map(({ name, answer }) => [name, answer])),
  };
}
