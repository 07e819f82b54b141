import { z } from 'zod';
import { configSchema, managedOnlySchema } from '../../src/agent/config-schema.ts';
import { formOf, managedSettings, type Setting } from '../../src/agent/setting-list.ts';
import { settingWords } from '../../src/agent/setting-words.ts';
import { BUNDLE_ID } from '../../src/agent/paths.ts';
import { bySection } from './sections.ts';
import { plain, sentence } from './templates.ts';

/** For editors: what agent.yaml can hold. */
export function settingsSchema(): object {
  return { ...schemaOf(configSchema), title: 'Settings of the Drawbridge agent' };
}

/** What device management can set: as a property list, as managed.yaml (there without enrolment). */
export function managedSchema(): object {
  const shape = { ...managedOnlySchema.shape, ...configSchema.omit({ stateDir: true }).shape };
  return { ...schemaOf(z.strictObject(shape)), title: 'Managed settings of the Drawbridge agent' };
}

function schemaOf(schema: z.ZodType): object {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const words = settingWords.get(zodSchema);
      if (words === undefined) return;
      jsonSchema.title = words.title.en;
      jsonSchema.description = sentence(plain(words.about.en));
    },
  });
}

type Json = { [key: string]: unknown };

/** Jamf Pro's "custom schema": JSON Schema in an order, each setting not configured until somebody does. */
export function jamfSchema(): object {
  const order = new Map(managedSettings.map(({ name }, index) => [name, index + 1]));
  return {
    title: `Drawbridge (${BUNDLE_ID})`,
    description: 'Settings of the Drawbridge agent. They outrank the settings file of each computer.',
    __preferencedomain: BUNDLE_ID,
    properties: bySection<Json>(
      managedSettings,
      (setting) => jamfProperty(setting, order.get(setting.name) ?? 0),
      (key, properties) => ({ title: key, type: 'object', properties }),
    ),
  };
}

function jamfProperty(setting: Setting, order: number): Json {
  const { title, about } = setting.words;
  return {
    title: title.en,
    description: sentence(plain(about.en)),
    property_order: order,
    anyOf: [
      { type: 'null', title: 'Not Configured' },
      { title: 'Configured', ...typeOf(setting) },
    ],
  };
}

function typeOf(setting: Setting): Json {
  const form = formOf(setting);
  switch (form.kind) {
    case 'switch':
      return { type: 'boolean' };
    case 'choice':
      return { type: 'string', enum: form.options };
    case 'number':
      return { type: form.whole ? 'integer' : 'number', minimum: form.min, maximum: form.max };
    case 'list':
      return { type: 'array', maxItems: form.maxItems, items: { type: 'string' } };
    case 'text':
      return { type: 'string', maxLength: form.maxLength };
  }
}
