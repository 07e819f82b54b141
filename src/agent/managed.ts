import { z } from 'zod';
import { asObject } from '../../collectors/json.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseToken } from '../wire/token.ts';
import type { LocalSettings } from './config.ts';
import { configSchema, type AgentConfig } from './config-schema.ts';
import {
  isEnrolment,
  NOT_MANAGED,
  type Managed,
  type ManagedSetting,
  type Remembered,
} from './managed-kept.ts';
import type { ManagedProblem, RawManaged } from './managed-raw.ts';
import { defaultOf, formOf, managedSettings, type Form, type Setting } from './setting-list.ts';
import type { Invitation } from './silent-enrolment.ts';

/**
 * Judges what management says. One wrong setting takes no other with it. Where nothing can be read, what was in force
 * stays; the error is for the first time ever, when there is nothing to stay with.
 */
export function judgeManaged(
  read: Result<RawManaged | null, string>,
  remembered: Remembered | null,
): Result<Managed, string> {
  if (!read.ok) {
    if (remembered === null) return err(read.error);
    const problems: ManagedProblem[] = [{ kind: 'wrong', message: read.error }];
    const settings = managedSettings.flatMap((setting) => fromMemory(setting, remembered) ?? []);
    return ok({ source: 'what was in force before', settings, problems, invitation: null });
  }
  return ok(read.value === null ? NOT_MANAGED : judged(read.value, remembered ?? {}));
}

function judged({ source, values, problems: before }: RawManaged, remembered: Remembered): Managed {
  const problems = [...before];
  const settings = managedSettings.flatMap((setting): ManagedSetting[] => {
    const { name, schema } = setting;
    if (!values.has(name)) return [];
    const parsed = z.safeParse(schema, values.get(name));
    if (parsed.success) return [{ name, value: parsed.data, from: 'now' }];
    problems.push({ kind: 'wrong', message: complaint(setting, values.get(name), parsed.error) });
    if (isEnrolment(name)) return [];
    return [fromMemory(setting, remembered) ?? fallback(setting)];
  });
  return { source, settings, problems, invitation: invitationIn(settings) };
}

function fromMemory({ name, schema }: Setting, remembered: Remembered): ManagedSetting | null {
  if (!Object.hasOwn(remembered, name) || isEnrolment(name)) return null;
  const parsed = z.safeParse(schema, remembered[name]);
  return parsed.success ? { name, value: parsed.data, from: 'before' } : null;
}

function fallback(setting: Setting): ManagedSetting {
  const value = setting.words.strictest ?? defaultOf(setting);
  return { name: setting.name, value, from: 'fallback' };
}

/** The settings in force, and what the settings file says in vain, by name. */
export type Merged = { config: AgentConfig; overridden: ReadonlyMap<string, unknown> };

/** Management outranks the settings file, setting by setting. */
export function mergeManaged(local: LocalSettings, managed: Managed): Merged {
  const overridden = new Map<string, unknown>();
  let given = local.given;
  for (const { name, value } of managed.settings.filter((one) => !isEnrolment(one.name))) {
    const path = name.split('.');
    const own = path.reduce<unknown>((at, key) => asObject(at)?.[key], local.given);
    if (own !== undefined) overridden.set(name, own);
    given = put(given, path, value);
  }
  return { config: configSchema.parse(given), overridden };
}

/** The document with a value at a path; `undefined` takes away what is there. */
function put(document: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const section = asObject(document) ?? {};
  return { ...section, [key]: put(section[key], rest, value) };
}

function invitationIn(settings: readonly ManagedSetting[]): Invitation | null {
  const value = (name: string) => String(settings.find((one) => one.name === name)?.value ?? '');
  const token = parseToken(value('enrolment.token'));
  const url = value('enrolment.url');
  return token.ok && url !== '' ? { url: new URL(url), token: token.value } : null;
}

/** A sentence for the administrator. Never the token itself. */
function complaint(setting: Setting, value: unknown, error: z.core.$ZodError): string {
  const { name } = setting;
  const [issue] = error.issues;
  if (name === 'enrolment.token') return `${name}: is not an enrolment token`;
  const [index] = issue?.path ?? [];
  if (Array.isArray(value) && typeof index === 'number')
    return `${name}: entry ${index + 1}, ${shown(value[index])}, is not valid`;
  const own = issue === undefined || /^(Invalid|Too)\b/.test(issue.message) ? null : issue.message;
  return `${name}: ${own ?? wanted(formOf(setting))}, given ${shown(value)}`;
}

function wanted(form: Form): string {
  switch (form.kind) {
    case 'switch':
      return 'has to be true or false';
    case 'number':
      return `has to be a ${form.whole ? 'whole ' : ''}number from ${form.min} to ${form.max}`;
    case 'choice':
      return `has to be one of ${form.options.join(', ')}`;
    case 'list':
      return `has to be a list of at most ${form.maxItems}`;
    case 'text':
      return `has to be a valid text of at most ${form.maxLength} characters`;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
