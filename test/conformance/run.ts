import { linux } from '../../collectors/linux.ts';
import { macos } from '../../collectors/macos.ts';
import { specs, type CheckId, type Readers } from '../../collectors/specs.ts';
import { windows } from '../../collectors/windows.ts';
import { replayHost } from '../../src/agent/replay.ts';
import type { Observed } from '../../src/base/reading.ts';
import { loadCases, loadRecording, type Case } from './cases.ts';
import { judge, type Outcome } from './match.ts';

const readers: Record<Case['os'], Readers> = { linux, macos, windows };

export type CaseResult = {
  id: string;
  os: Case['os'];
  check: CheckId;
  outcome: Outcome;
  why: string;
  truth: string;
};

/** Runs every case in `folder` through the agent's own readers. */
export async function runFolder(folder: string): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const one of loadCases(folder)) results.push(await runCase(one, folder));
  return results;
}

export async function runCase(one: Case, folder: string): Promise<CaseResult> {
  const host = replayHost(loadRecording(one, folder));
  const read = readers[one.os][one.check];
  const answer = await read(host);
  const invalid = shapeError(one.check, answer);
  const judged =
    invalid === null ? judge(one.expect, answer, host.asked()) : { outcome: 'wrong' as const, why: invalid };
  return { id: one.id, os: one.os, check: one.check, ...judged, truth: one.truth };
}

/** A fact that its own schema refuses would be refused by the server as well. */
function shapeError(check: CheckId, answer: Observed<unknown>): string | null {
  if (answer.state === 'unknown') return null;
  const parsed = specs[check].fact.safeParse(answer.fact);
  return parsed.success
    ? null
    : `the fact does not have its own shape: ${parsed.error.issues[0]?.message ?? ''} at ${parsed.error.issues[0]?.path.join('.') ?? ''}`;
}
