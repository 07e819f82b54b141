import { remedies } from '../../collectors/remedies.ts';
import type { TrayProblem } from '../wire/tray.ts';
import type { Language } from './locale.ts';

export function titleOf({ reason, sentence }: TrayProblem, _language: Language): string {
  return Object.hasOwn(remedies, reason) ? remedies[reason as keyof typeof remedies].title : sentence;
}

export function whyOf({ reason, sentence }: TrayProblem, _language: Language): string {
  return Object.hasOwn(remedies, reason) ? remedies[reason as keyof typeof remedies].why : sentence;
}
