import { parseSettings, type SettingsProblem } from '../base/settings.ts';
import type { Result } from '../base/result.ts';
import type { Policy } from './policy.ts';
import { policySchema } from './policy-schema.ts';

/** Reads a policy file's text. Every problem is named with line, column and what would be right. */
export function parsePolicy(text: string): Result<Policy, SettingsProblem[]> {
  return parseSettings(text, policySchema);
}
