import { remedyOf } from '../../collectors/words.ts';
import type { TrayProblem } from '../wire/tray.ts';
import type { Language } from './locale.ts';

/** The one thing to do. A reason that only a newer agent knows has its sentence, in English. */
export function titleOf({ reason, sentence }: TrayProblem, language: Language): string {
  return remedyOf(language, reason)?.action ?? sentence;
}

/** Why it matters. */
export function whyOf({ reason, sentence }: TrayProblem, language: Language): string {
  return remedyOf(language, reason)?.why ?? sentence;
}
