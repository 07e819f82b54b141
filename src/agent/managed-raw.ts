import { asObject } from '../../collectors/json.ts';
import type { Result } from '../base/result.ts';
import { nearest } from '../base/settings.ts';
import { managedSettings, settings } from './setting-list.ts';

/** Something wrong with what management says. `unknown`: a name that this version has not; the rest is as it should be. */
export type ManagedProblem = { kind: 'unknown' | 'wrong'; message: string };

/** What device management says, by setting, as it came; nothing of it is believed yet. */
export type RawManaged = {
  source: string;
  values: ReadonlyMap<string, unknown>;
  problems: readonly ManagedProblem[];
};

/** Null where nothing is managed; an error where that could not be seen, or is in no form that can be read. */
export type ReadManaged = () => Promise<Result<RawManaged | null, string>>;

const names = managedSettings.map(({ name }) => name);
const known: ReadonlySet<string> = new Set(names);
const local: ReadonlySet<string> = new Set(
  settings.map(({ name }) => name).filter((name) => !known.has(name)),
);

const MAX_PROBLEMS = 50;

/** A document of sections, as YAML and property lists have it. */
export function rawFromDocument(source: string, document: Readonly<Record<string, unknown>>): RawManaged {
  const values = new Map<string, unknown>();
  const problems: ManagedProblem[] = [];
  const walk = (section: Readonly<Record<string, unknown>>, prefix: string) => {
    for (const [key, value] of Object.entries(section)) {
      const name = `${prefix}${key}`;
      const below = names.filter((one) => one.startsWith(`${name}.`));
      const inner = asObject(value);
      if (known.has(name)) values.set(name, value);
      else if (below.length === 0) problems.push(unknownSetting(name));
      else if (inner !== null) walk(inner, `${name}.`);
      // What should be a section is none: each setting in it is wrong, not absent.
      else for (const one of below) values.set(one, value);
    }
  };
  walk(document, '');
  return { source, values, problems: problems.slice(0, MAX_PROBLEMS) };
}

/** Why a name is none that management can set, with the one that was meant. */
export function unknownSetting(name: string): ManagedProblem {
  const shown = JSON.stringify(name.slice(0, 80));
  if (local.has(name))
    return { kind: 'wrong', message: `${shown} is each computer’s own; it belongs into its settings file` };
  const meant = nearest(name.slice(0, 80), names);
  const hint = meant === null ? '' : `; did you mean "${meant}"?`;
  return { kind: 'unknown', message: `unknown setting ${shown}${hint}` };
}
