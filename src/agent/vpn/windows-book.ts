import type { Host } from '../../../collectors/check.ts';
import { mayBeL2tp, parsePhonebook } from '../../../collectors/vpn-client/windows-phonebook.ts';

/** The phone book of all users. Read without PowerShell: what it says has to be known before that has started. */
export const BOOK = 'C:\\ProgramData\\Microsoft\\Network\\Connections\\Pbk\\rasphone.pbk';

export type BookEntry = { id: string; name: string; gateway: string | null };

/** L2TP connections of all users; none where there is no such book. */
export async function readBook(host: Host): Promise<BookEntry[]> {
  const text = await host.readText(BOOK);
  if (!text.ok) return [];
  return parsePhonebook(text.value)
    .filter(mayBeL2tp)
    .map(({ name, values }) => ({
      id: `all-users/${name}`,
      name,
      gateway: values.get('PhoneNumber') || null,
    }));
}

/**
 * The book with one entry as it was in an earlier state of it, or without it where it was not there. Everything else
 * stays as it is now. Texts are bytes, one character each: the book's encoding differs.
 */
export function withEntryOf(now: string, was: string | null, name: string): string {
  const sections = sectionsOf(now);
  const earlier = sectionsOf(was ?? '').find((one) => one.name === name)?.text;
  const index = sections.findIndex((one) => one.name === name);
  if (index < 0) return earlier === undefined ? now : `${now}${earlier}`;
  return sections.map((one, at) => (at === index ? (earlier ?? '') : one.text)).join('');
}

function sectionsOf(book: string): { name: string | null; text: string }[] {
  return book
    .split(/^(?=\[)/m)
    .filter((text) => text !== '')
    .map((text) => ({ name: /^\[(.*)\]\s*$/m.exec(text)?.[1] ?? null, text }));
}
