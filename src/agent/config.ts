import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isMissing } from '../base/atomic-file.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseSettings, showProblems } from '../base/settings.ts';
import { configSchema, type AgentConfig } from './config-schema.ts';

/** A settings file: what it comes to with the defaults, and what it says itself. */
export type LocalSettings = { config: AgentConfig; given: unknown };

/** The settings in a text, or one `file:line:column: message` per problem. */
export function parseConfig(text: string, file: string): Result<LocalSettings, string> {
  const parsed = parseSettings(text, configSchema);
  if (!parsed.ok) return err(showProblems(file, parsed.error));
  const given = parseSettings(text, z.unknown());
  return given.ok ? ok({ config: parsed.value, given: given.value }) : err(showProblems(file, given.error));
}

/** Reads a settings file; a missing one means defaults only where `optional` says so. The error is for a person. */
export async function loadConfig(file: string, optional: boolean): Promise<Result<LocalSettings, string>> {
  try {
    return parseConfig(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (optional && isMissing(error)) return ok({ config: configSchema.parse({}), given: {} });
    return err(`${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}
