import { LineCounter, parseDocument, visit, type Document } from 'yaml';
import { z } from 'zod';
import { err, ok, type Result } from './result.ts';

/** One thing wrong with a settings file, for the person who edits it. Line and column count from 1. */
export type SettingsProblem = { line: number; column: number; key: string; message: string };

const MAX_BYTES = 1024 * 1024;

/**
 * Reads a YAML file's text against a schema. A wrong key or value is named with its place and, for names, the
 * nearest valid one. Duplicate keys, aliases (which can blow up) and files over 1 MiB are refused.
 */
export function parseSettings<S extends z.ZodType>(
  text: string,
  schema: S,
): Result<z.output<S>, SettingsProblem[]> {
  if (Buffer.byteLength(text) > MAX_BYTES) return err([at(1, 1, '', 'the file is larger than 1 MiB')]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, schema: 'core' });
  const syntax = syntaxProblems(document, lines);
  if (syntax.length > 0) return err(syntax);
  const parsed = schema.safeParse(toPlain(document));
  if (parsed.success) return ok(parsed.data);
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, document, lines, schema));
  return err(problems.toSorted((a, b) => a.line - b.line || a.column - b.column));
}

/** `file:line:column: message` per problem, one a line. */
export function showProblems(file: string, problems: readonly SettingsProblem[]): string {
  return problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n');
}

/** The candidate closest to `word` by edit distance, if it is close enough to be a slip of the finger. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const scored = candidates.map((candidate) => ({ candidate, distance: editDistance(word, candidate) }));
  const best = scored.toSorted((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= Math.max(2, Math.floor(word.length / 3)) ? best.candidate : null;
}

function toPlain(document: Document): unknown {
  return document.toJS() ?? {};
}

function syntaxProblems(document: Document.Parsed, lines: LineCounter): SettingsProblem[] {
  const found = document.errors.map((error) => ({ offset: error.pos[0], message: firstLine(error.message) }));
  visit(document, {
    Alias: (_key, node) => {
      found.push({
        offset: node.range?.[0] ?? 0,
        message: `aliases are not allowed here; write *${node.source} out`,
      });
    },
  });
  return found.map(({ offset, message }) => {
    const place = lines.linePos(offset);
    return at(place.line, place.col, '', message);
  });
}

function problemsOf(
  issue: z.core.$ZodIssue,
  document: Document,
  lines: LineCounter,
  schema: z.ZodType,
): SettingsProblem[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const valid = keysAt(schema, path);
    return issue.keys.map((key) => locate(document, lines, [...path, key], unknownKey(key, valid)));
  }
  return [
    locate(document, lines, path, `${path.join('.') || 'the file'}: ${wording(issue, document, path)}`),
  ];
}

function unknownKey(key: string, valid: readonly string[]): string {
  const suggestion = nearest(key, valid);
  if (suggestion !== null) return `unknown setting "${key}"; did you mean "${suggestion}"?`;
  return valid.length > 0
    ? `unknown setting "${key}"; known here: ${valid.join(', ')}`
    : `unknown setting "${key}"`;
}

function wording(issue: z.core.$ZodIssue, document: Document, path: readonly string[]): string {
  if (issue.code === 'invalid_value') return notAmong(issue.values.map(String), document.getIn(path));
  // A schema's own message is better than any that is made here.
  if (!/^(Invalid|Too)\b/.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type')
    return `has to be of type ${issue.expected}, given ${given(document, path)}`;
  if (issue.code === 'too_small') {
    const least = issue.inclusive === false ? 'greater than' : 'at least';
    return `has to be ${least} ${issue.minimum}${unitOf(issue.origin)}`;
  }
  if (issue.code === 'too_big') return `has to be at most ${issue.maximum}${unitOf(issue.origin)}`;
  if (issue.code === 'invalid_format') return `is not a valid ${issue.format}`;
  return issue.message;
}

function notAmong(options: readonly string[], value: unknown): string {
  const word = String(value ?? 'nothing');
  // For a word of a letter or two everything is near.
  const suggestion = word.length > 2 ? nearest(word, options) : null;
  return `"${word}" is not one of ${options.join(', ')}${suggestion === null ? '' : `; did you mean "${suggestion}"?`}`;
}

function given(document: Document, path: readonly string[]): string {
  const value: unknown = path.length === 0 ? document.toJS() : document.getIn(path);
  if (value === undefined || value === null) return 'nothing';
  return typeof value === 'object' ? 'something nested or a list' : `"${String(value).slice(0, 60)}"`;
}

function unitOf(origin: string): string {
  return { string: ' characters long', array: ' entries long' }[origin] ?? '';
}

function locate(
  document: Document,
  lines: LineCounter,
  path: readonly string[],
  message: string,
): SettingsProblem {
  const { line, col } = lines.linePos(offsetOf(document, path));
  return at(line, col, path.join('.'), message);
}

/** Where the key (or else the nearest parent that exists) stands in the text. */
function offsetOf(document: Document, path: readonly string[]): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const offset = keyOffset(document, path.slice(0, depth));
    if (offset !== null) return offset;
  }
  return 0;
}

function keyOffset(document: Document, path: readonly string[]): number | null {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (typeof parent !== 'object' || parent === null || !('items' in parent) || !Array.isArray(parent.items))
    return null;
  const key = path.at(-1);
  const index = parent.items.findIndex((item, position) => String(item?.key?.value ?? position) === key);
  const item = parent.items[index];
  return item?.key?.range?.[0] ?? item?.range?.[0] ?? null;
}

function keysAt(schema: z.ZodType, path: readonly string[]): string[] {
  let current: z.core.$ZodType | undefined = unwrap(schema);
  for (const key of path) current = unwrap(childOf(current, key));
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function childOf(schema: z.core.$ZodType | undefined, key: string): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodObject) return schema.shape[key];
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodArray) return schema.element;
  return undefined;
}

function unwrap(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  let current = schema;
  for (;;) {
    if (current instanceof z.ZodDefault || current instanceof z.ZodPrefault) current = current.def.innerType;
    else if (current instanceof z.ZodOptional || current instanceof z.ZodNullable) current = current.unwrap();
    else if (current instanceof z.ZodPipe) current = current.def.in;
    else return current;
  }
}

function at(line: number, column: number, key: string, message: string): SettingsProblem {
  return { line, column, key, message };
}

/** The parser's own sentence without the place, which stands before it already, and without its excerpt. */
function firstLine(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
}

/** Levenshtein distance; both words are short setting names. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const change = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(change, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
