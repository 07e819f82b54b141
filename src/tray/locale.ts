/** The languages that a person can be spoken to in; the first one where nothing else is known. */
export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Language of the words, and the locale by which dates are written. */
export type Locale = { language: Language; dates: string };

/** From the session's environment (POSIX), or from what the system's own settings say, such as `de-AT`. */
export function localeFrom(env: NodeJS.ProcessEnv, system: string): Locale {
  const [named = ''] = [env.LC_ALL, env.LC_MESSAGES, env.LANG].filter(Boolean);
  const tag = named.split(/[.@]/)[0]?.replace('_', '-') ?? '';
  const wanted = /^[a-z]{2,3}(-[A-Za-z]{2,4})?$/.test(tag) ? tag : system;
  const language = LANGUAGES.find((one) => wanted.toLowerCase().startsWith(one)) ?? 'en';
  // Dates are written as the language has them: an English sentence with a French weekday helps nobody.
  return { language, dates: wanted.startsWith(language) ? wanted : language };
}

/** Weekday, date and time, such as `Thursday 26 November, 09:00`, in the time zone of the session. */
export function showMoment(iso: string, { dates }: Locale): string {
  const at = new Date(iso);
  const day = new Intl.DateTimeFormat(dates, { weekday: 'long', day: 'numeric', month: 'long' }).format(at);
  return `${day}, ${new Intl.DateTimeFormat(dates, { timeStyle: 'short' }).format(at)}`;
}
