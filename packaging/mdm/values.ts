import { z } from 'zod';
import { judgeManaged } from '../../src/agent/managed.ts';
import { rawFromDocument } from '../../src/agent/managed-raw.ts';
import { managedSettings } from '../../src/agent/setting-list.ts';
import { asObject } from '../../collectors/json.ts';
import { ok } from '../../src/base/result.ts';
import { parseSettings, showProblems } from '../../src/base/settings.ts';
import { BuildError } from '../build/tools.ts';
import { bySection } from './sections.ts';

/** What a fleet is to be set to, by setting, judged as the agent will judge it. */
export type Values = ReadonlyMap<string, SettingValue>;

const settingValue = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);
export type SettingValue = z.infer<typeof settingValue>;

/** For those who only want to see the form. */
export const EXAMPLE = `# What the whole fleet is to be set to: every setting but stateDir of docs/agent.md, and enrolment.
vpn:
  allowedGateways: [vpn.example.org]
tray:
  enabled: true
`;

/** Reads settings as YAML. Throws `BuildError` with every mistake in it. */
export function parseValues(text: string, file: string): Values {
  const parsed = parseSettings(text, z.unknown());
  if (!parsed.ok) throw new BuildError(showProblems(file, parsed.error));
  const document = asObject(parsed.value);
  if (document === null) throw new BuildError(`${file} has to hold settings by name`);
  const managed = judgeManaged(ok(rawFromDocument(file, document)), {});
  if (!managed.ok) throw new BuildError(managed.error);
  const problems = managed.value.problems.map(({ message }) => `${file}: ${message}`);
  if (problems.length > 0) throw new BuildError(problems.join('\n'));
  return new Map(managed.value.settings.map((setting) => [setting.name, settingValue.parse(setting.value)]));
}

export type Nested<T> = T | { readonly [key: string]: Nested<T> };

/** By sections, as property lists and YAML have them, each value as `form` makes it. */
export function nested<T>(values: Values, form: (value: SettingValue) => T): Record<string, Nested<T>> {
  const given = managedSettings.filter(({ name }) => values.has(name));
  return bySection<Nested<T>>(
    given,
    ({ name }) => form(values.get(name) ?? ''),
    (_key, children) => children,
  );
}
