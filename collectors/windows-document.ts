import { z } from 'zod';
import { parseJson } from '../src/base/json.ts';
import { err, ok, type Result } from '../src/base/result.ts';
import type { ProbeAnswer } from './check.ts';

/** Characters; a machine with hundreds of updates and phone books stays far below. */
const MAX_LENGTH = 8 * 1024 * 1024;
const MAX_PROBES = 100;

const SCHEMA = 1;

const document = z.object({
  schema: z.literal(SCHEMA),
  startedAt: z.iso.datetime(),
  probes: z.record(z.string().max(100), z.unknown()),
});

const milliseconds = z.number().nonnegative().catch(0);

const probeAnswer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), ms: milliseconds, data: z.unknown() }),
  z.object({
    ok: z.literal(false),
    ms: milliseconds,
    fqid: z.string().catch(''),
    hresult: z.number().int().catch(0),
    message: z.string().catch(''),
  }),
]);

/** What the Windows script handed over. `startedAt` is ISO 8601 in UTC. */
export type WindowsDocument = { startedAt: string; probes: ReadonlyMap<string, ProbeAnswer> };

/** Why there is no document: too long, no JSON (cut off, a PowerShell error text), or another script's form. */
export type DocumentProblem = 'too-large' | 'not-json' | 'other-schema';

/**
 * Reads the one document that the script prints. A probe of the wrong form is answered for as failed, so that one
 * damaged answer does not take the others with it.
 */
export function parseDocument(text: string): Result<WindowsDocument, DocumentProblem> {
  if (text.length > MAX_LENGTH) return err('too-large');
  const json = parseJson(text);
  if (json === undefined) return err('not-json');
  const parsed = document.safeParse(json);
  if (!parsed.success) return err('other-schema');
  const entries = Object.entries(parsed.data.probes).slice(0, MAX_PROBES);
  return ok({
    startedAt: parsed.data.startedAt,
    probes: new Map(entries.map(([name, answer]) => [name, toAnswer(answer)])),
  });
}

function toAnswer(value: unknown): ProbeAnswer {
  const answer = probeAnswer.safeParse(value);
  return answer.success
    ? answer.data
    : { ok: false, ms: 0, fqid: 'MalformedAnswer', hresult: 0, message: '' };
}
