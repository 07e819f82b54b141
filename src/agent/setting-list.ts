import { z } from 'zod';
import { configSchema, managedOnlySchema } from './config-schema.ts';
import { settingWords, type SettingWords } from './setting-words.ts';

/** One leaf of the settings, by its dotted name. */
export type Setting = { name: string; path: readonly string[]; schema: z.core.$ZodType; words: SettingWords };

/** What a setting's value looks like to somebody who fills in a form. */
export type Form =
  | { kind: 'switch' }
  | { kind: 'number'; whole: boolean; min: number; max: number }
  | { kind: 'choice'; options: readonly string[] }
  | { kind: 'text'; maxLength: number }
  | { kind: 'list'; maxItems: number };

/** Every setting of the settings file, in its order. */
export const settings: readonly Setting[] = leavesOf(configSchema);

/** Every setting that device management can make. */
export const managedSettings: readonly Setting[] = [
  ...leavesOf(managedOnlySchema),
  ...settings.filter(({ words }) => words.local !== true),
];

/** What holds where nobody sets it; `undefined` where the schema has no default. */
export function defaultOf({ schema }: Setting): unknown {
  return z.safeParse(schema, undefined).data;
}

const described = z.object({
  type: z.string().optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  maxLength: z.number().optional(),
  maxItems: z.number().optional(),
});

export function formOf({ schema }: Setting): Form {
  const all = described.parse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  if (all.type === 'boolean') return { kind: 'switch' };
  if (all.enum !== undefined) return { kind: 'choice', options: all.enum };
  if (all.type === 'array') return { kind: 'list', maxItems: all.maxItems ?? 0 };
  if (all.type === 'integer' || all.type === 'number')
    return { kind: 'number', whole: all.type === 'integer', min: all.minimum ?? 0, max: all.maximum ?? 0 };
  return { kind: 'text', maxLength: all.maxLength ?? 1_023 };
}

/** Throws where a leaf has no words: nobody could be told what it is. */
function leavesOf(schema: z.core.$ZodType, path: readonly string[] = []): Setting[] {
  const inner = schema instanceof z.ZodPrefault ? schema.def.innerType : schema;
  if (inner instanceof z.ZodObject)
    return Object.entries(inner.shape).flatMap(([key, child]) => leavesOf(child, [...path, key]));
  const words = settingWords.get(schema);
  if (words === undefined) throw new Error(`the setting ${path.join('.')} has no words`);
  return [{ name: path.join('.'), path, schema, words }];
}
