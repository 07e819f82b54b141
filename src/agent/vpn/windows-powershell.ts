import type { Host } from '../../../collectors/check.ts';
import { answersOf, POWERSHELL_ARGV, type ProbeLookup } from '../../../collectors/windows-cycle.ts';
import { readAsset } from '../../base/assets.ts';
import { powershell } from '../../base/commands.ts';

/** What one PowerShell process is to do: script files in their order, the probes in them, and what they are told. */
export type Steps = {
  /** Paths below the project's root. */
  files: readonly string[];
  probes: readonly string[];
  /** Seen by the scripts as `$want`. May hold secrets: it never becomes part of a script, an argument or a log. */
  want: Readonly<Record<string, unknown>>;
};

/** Seconds after which no further step is begun. */
const BUDGET_SECONDS = 30;
const TIMEOUT_MS = 45_000;

/** What comes first: the script and what it is told are apart, so that logging of scripts does not log secrets. */
const OPENING = `param([string] $told)
$budgetSeconds = ${BUDGET_SECONDS}
$cimSeconds = 10`;

/** The last line of the input is data, everything before it the script. */
export const ARGV: readonly string[] = [
  ...POWERSHELL_ARGV.slice(0, -1),
  '$lines = @($input); & ([ScriptBlock]::Create((@($lines | Select-Object -SkipLast 1) -join [char]10))) $lines[-1]',
];

/** Takes the steps in one process. Never rejects: where the process fails, so does each of its probes. */
export async function takeSteps(
  host: Pick<Host, 'run'>,
  { files, probes, want }: Steps,
): Promise<ProbeLookup> {
  const script = [
    OPENING,
    readAsset('collectors/windows-prologue.ps1'),
    '$want = $told | ConvertFrom-Json',
    ...files.map(readAsset),
    readAsset('collectors/windows-epilogue.ps1'),
  ].join('\n');
  const stdin = `${script.trimEnd()}\n${asciiJson(want)}\n`;
  return answersOf(await host.run(powershell, ARGV, { stdin, timeoutMs: TIMEOUT_MS }), probes);
}

/** Input is decoded by the machine's own code page, so nothing but ASCII goes in. One line. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\x20-\x7e]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
