/** Something that the person who typed the command can put right; the message says how. Exit code 4. */
export class UsageError extends Error {
  override name = 'UsageError';
}
