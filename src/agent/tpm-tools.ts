import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tpm2 } from '../base/commands.ts';
import { run, type Output } from '../base/exec.ts';
import { KeyStoreError } from './keys.ts';

/*
 * The security chip, through tpm2-tools. What goes in and out does so by file, in a folder in memory that exists for the
 * length of one task. A private key is among them only as the chip wrapped it.
 */

export type TpmProblem =
  | 'not-installed'
  | 'gone'
  | 'denied'
  | 'busy'
  | 'locked-out'
  | 'owner-password'
  | 'broken'
  | 'foreign'
  | 'stale'
  | 'failed';

/** The chip does not do what it is asked. `problem` is for programs; the message says what to do. */
export class TpmError extends KeyStoreError {
  readonly problem: TpmProblem;

  constructor(problem: TpmProblem, detail: string) {
    super(`${SENTENCES[problem]} (${detail})`);
    this.problem = problem;
  }
}

const SENTENCES: Record<TpmProblem, string> = {
  'not-installed':
    'The TPM cannot be used without tpm2-tools. Install the package; the keys stay where they are.',
  gone: 'The TPM that holds this device’s keys is not there. Switch it on in the firmware’s settings, and see that the kernel offers it.',
  denied: 'The TPM may not be opened by this user. Run this as root.',
  busy: 'The TPM does not answer, or has no room for another request. This is tried again; if it stays so, restart the computer.',
  'locked-out':
    'The TPM has locked itself after too many wrong passwords. Wait until it unlocks, or clear the lockout: tpm2_dictionarylockout -c.',
  'owner-password':
    'The TPM’s owner hierarchy has a password, so that no key of this device can be loaded. Remove it: tpm2_changeauth -c o -p PASSWORD.',
  broken:
    'The TPM says that it has failed. Restart the computer; if it stays so, the chip has to be replaced.',
  foreign:
    'These keys belong to another TPM: the state folder was copied from another computer, or the TPM was cleared. Enrol again: drawbridge enroll --again --server URL --token-stdin',
  stale: 'The TPM does not know what was loaded into it.',
  failed: 'The TPM refuses.',
};

/** Seconds are ordinary for a real chip that makes a key; a busy one queues. */
const TIMEOUT_MS = 20_000;

/** How the tools reach the chip: `device:/dev/tpmrm0`, or a simulator's port in tests. */
export type Tcti = string;

export type TpmTask = {
  /** Runs one tool. Throws `TpmError`. */
  tool(name: string, argv: readonly string[]): Promise<void>;
  write(name: string, content: Uint8Array): Promise<void>;
  read(name: string): Promise<Buffer>;
};

/**
 * Does something with the tools in a folder of its own, which is gone afterwards. Names are relative to it. `timeoutMs` is
 * for each of them: a chip that others keep busy is waited for so long, and then is an error.
 */
export async function withTpm<T>(
  tcti: Tcti,
  work: (task: TpmTask) => Promise<T>,
  timeoutMs = TIMEOUT_MS,
): Promise<T> {
  const folder = await mkdtemp(join(await memoryFolder(), 'drawbridge-tpm-'));
  const at = (name: string) => join(folder, name);
  try {
    return await work({
      tool: (name, argv) =>
        runTool(
          { tcti, timeoutMs },
          name,
          argv.map((one) => placed(one, folder)),
        ),
      write: (name, content) => writeFile(at(name), content, { mode: 0o600 }),
      read: (name) => readFile(at(name)),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `@name` stands for a file of the task's folder: the tools run in `/`. */
function placed(argument: string, folder: string): string {
  return argument.startsWith('@') ? join(folder, argument.slice(1)) : argument;
}

async function memoryFolder(): Promise<string> {
  const there = await stat('/dev/shm').catch(() => null);
  return there?.isDirectory() === true ? '/dev/shm' : tmpdir();
}

type Way = { tcti: Tcti; timeoutMs: number };

async function runTool({ tcti, timeoutMs }: Way, name: string, argv: readonly string[]): Promise<void> {
  // The kernel's resource manager forgets what a tool has loaded when the tool ends. Without it, nobody does.
  if (!tcti.startsWith('device:/dev/tpmrm'))
    await run(tpm2, ['flushcontext', '-T', tcti, '-t'], { timeoutMs });
  const output = await run(tpm2, [name, '-T', tcti, ...argv], { timeoutMs });
  const problem = tpmProblem(output);
  if (problem !== null) throw new TpmError(problem, `tpm2 ${name}: ${lastWords(output)}`);
}

const FAILURES = {
  'not-found': 'not-installed',
  denied: 'denied',
  timeout: 'busy',
  flood: 'failed',
  signal: 'failed',
} as const;

/** Response codes (TPM 2.0 part 2, 6.6), as the tools print them. */
const CODES: Readonly<Record<number, TpmProblem>> = {
  0x100: 'broken',
  0x101: 'broken',
  0x902: 'busy',
  0x903: 'busy',
  0x904: 'busy',
  0x907: 'busy',
  0x908: 'busy',
  0x921: 'locked-out',
  0x922: 'busy',
  0x923: 'busy',
  0x98e: 'owner-password',
  0x9a2: 'owner-password',
  0x1df: 'foreign',
};

/** What a tool's answer says is wrong, or null. */
export function tpmProblem({
  code,
  stderr,
  failure,
}: Pick<Output, 'code' | 'stderr' | 'failure'>): TpmProblem | null {
  if (failure !== null) return FAILURES[failure];
  if (code === 0) return null;
  const found = /Esys_\w+\(0x([0-9A-F]{1,8})\)|ErrorCode \(0x([0-9a-f]{8})\)/i.exec(stderr);
  if (/ContextLoad/.test(stderr)) return 'stale';
  if (found !== null) return CODES[Number.parseInt(found[1] ?? found[2] ?? '', 16)] ?? 'failed';
  if (!/Could not load tcti|Failed to open specified TCTI/.test(stderr)) return 'failed';
  if (/Permission denied/.test(stderr)) return 'denied';
  return /Device or resource busy/.test(stderr) ? 'busy' : 'gone';
}

/** The tools' last sentence but the one that only says that they failed. */
function lastWords({ stderr, failure }: Output): string {
  if (failure !== null) return failure;
  const lines = stderr
    .split('\n')
    .filter((line) => line.startsWith('ERROR: ') && !line.startsWith('ERROR: Unable to run'));
  return (lines[0] ?? 'no reason given').replace('ERROR: ', '').slice(0, 200);
}
