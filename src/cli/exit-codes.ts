/** Exit code of every command that could not do what it was asked, wrong options included. */
export const EXIT_FAILED = 4;

/** Exit codes of a judgement, so that a script can act on it. */
export const EXIT_BY_RISK = { low: 0, medium: 1, high: 2 } as const;
export const EXIT_REQUIRED_UNKNOWN = 3;

/** For commander, whose own code for a wrong option would read as a verdict. */
export function exitAsFailed({ exitCode }: { exitCode: number }): never {
  process.exit(exitCode === 0 ? 0 : EXIT_FAILED);
}
