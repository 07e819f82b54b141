/** What was taken out of an answer, for the table that is shown before a capture is written. */
export const REDACTIONS = ['name', 'address', 'identifier', 'secret'] as const;
export type Redaction = (typeof REDACTIONS)[number];

/** How often each kind stood in one answer. */
export type Tally = Partial<Record<Redaction, number>>;

/**
 * The stand-in for `original`: `make` is asked once for each original of a `book`, with a number that rises from 1, so
 * that the same name is the same stand-in everywhere and two names never share one.
 */
export type Alias = (
  kind: Redaction,
  book: string,
  original: string,
  make: (number: number) => string,
) => string;

export type Aliases = {
  alias: Alias;
  /** What was taken out since the last call. */
  takeTally(): Tally;
};

export function createAliases(): Aliases {
  const books = new Map<string, Map<string, string>>();
  let tally: Tally = {};
  return {
    alias(kind, book, original, make) {
      const entries = books.get(book) ?? new Map<string, string>();
      books.set(book, entries);
      const known = entries.get(original) ?? make(entries.size + 1);
      entries.set(original, known);
      tally[kind] = (tally[kind] ?? 0) + 1;
      return known;
    },
    takeTally() {
      const taken = tally;
      tally = {};
      return taken;
    },
  };
}

/** `prefix` and the number, padded to `length` so that columns stay where they are. */
export function padded(prefix: string, number: number, length: number): string {
  return `${prefix}${String(number).padStart(length - prefix.length, '0')}`;
}
