import { powershell } from '../src/base/commands.ts';
import type { Host, Output, ProbeAnswer } from './check.ts';
import { parseDocument } from './windows-document.ts';
import { scriptFor, scripts, type ReadPart, type ScriptKind } from './windows-script.ts';

/** The answers of one run of the Windows script; null for a probe that is none of its own. */
export type ProbeLookup = (name: string) => ProbeAnswer | null;

/**
 * Windows PowerShell reads the script as lines of its input. Standard input takes any length (a command line ends at
 * 32 767 characters), leaves no file that somebody could exchange, and shows up in logs as what it is, unlike
 * -EncodedCommand, which endpoint protection tends to block. `-Command -` would run the lines one by one.
 */
export const POWERSHELL_ARGV: readonly string[] = [
  '-NoProfile',
  '-NoLogo',
  '-NonInteractive',
  '-ExecutionPolicy',
  'Bypass',
  '-InputFormat',
  'Text',
  '-OutputFormat',
  'Text',
  '-Command',
  '& ([ScriptBlock]::Create((@($input) -join [char]10)))',
];

const MAX_BYTES = 16 * 1024 * 1024;

/** One PowerShell process, one document. Never rejects: if the process fails, so does each of its probes. */
export async function windowsCycle(
  host: Pick<Host, 'run'>,
  kind: ScriptKind,
  readPart: ReadPart,
): Promise<ProbeLookup> {
  const output = await host.run(powershell, POWERSHELL_ARGV, {
    stdin: scriptFor(kind, readPart),
    timeoutMs: scripts[kind].timeoutMs,
    maxBytes: MAX_BYTES,
  });
  return lookupIn(output, kind);
}

/** The answers in what PowerShell printed. */
export function lookupIn(output: Output, kind: ScriptKind): ProbeLookup {
  return answersOf(output, scripts[kind].probes);
}

/** The same for a script with these probes. */
export function answersOf(output: Output, own: readonly string[]): ProbeLookup {
  if (output.failure !== null) return allFailed(own, FAILURES[output.failure]);
  const parsed = parseDocument(output.stdout);
  if (!parsed.ok) return allFailed(own, { fqid: `WindowsDocument:${parsed.error}`, hresult: 0 });
  return (name) => parsed.value.probes.get(name) ?? null;
}

type ErrorId = { fqid: string; hresult: number };

/** Numbers as Windows itself would give them: not found, access denied, timed out. */
const FAILURES: Record<NonNullable<Output['failure']>, ErrorId> = {
  'not-found': { fqid: 'CommandNotFoundException', hresult: 0 },
  denied: { fqid: 'PowerShell:denied', hresult: 0x80070005 | 0 },
  timeout: { fqid: 'PowerShell:timeout', hresult: 0x80041069 | 0 },
  flood: { fqid: 'PowerShell:flood', hresult: 0 },
  signal: { fqid: 'PowerShell:signal', hresult: 0 },
};

function allFailed(own: readonly string[], { fqid, hresult }: ErrorId): ProbeLookup {
  return (name) => (own.includes(name) ? { ok: false, ms: 0, fqid, hresult, message: '' } : null);
}
