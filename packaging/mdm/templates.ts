import { POLICY_KEY } from '../../src/agent/paths.ts';
import { defaultOf, formOf, managedSettings, type Form, type Setting } from '../../src/agent/setting-list.ts';
import { element, xmlDocument } from './xml.ts';

/* Group policy templates: ADMX says which values there are, ADML what people read, once a language. */

const NAMESPACE = 'http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions';
const SCHEMA = { revision: '1.0', schemaVersion: '1.0' };
const KEY = POLICY_KEY.slice('HKLM\\'.length);

export const CATEGORY = 'Drawbridge';
export const LANGUAGES = { 'en-US': 'en', 'de-DE': 'de' } as const;
export type Language = keyof typeof LANGUAGES;

/** The policy's name: no dots, since the address of a policy is made from it. */
export function policyName({ name }: Setting): string {
  return name.replaceAll('.', '_');
}

/** The id of the one thing to fill in, where there is one. */
export function elementId(setting: Setting): string {
  return `${policyName(setting)}_value`;
}

export function admx(): string {
  return xmlDocument(
    element('policyDefinitions', { xmlns: NAMESPACE, ...SCHEMA }, [
      element('policyNamespaces', {}, [
        element('target', { prefix: 'drawbridge', namespace: 'Drawbridge.Policies.Agent' }),
      ]),
      element('resources', { minRequiredRevision: '1.0', fallbackCulture: 'en-US' }),
      // Our own words instead of a reference into Windows' templates, which Intune would want to be imported first.
      element('supportedOn', {}, [
        element('definitions', {}, [
          element('definition', { name: 'supported', displayName: '$(string.supported)' }),
        ]),
      ]),
      element('categories', {}, [element('category', { name: CATEGORY, displayName: '$(string.category)' })]),
      element('policies', {}, managedSettings.map(policy)),
    ]),
  );
}

function policy(setting: Setting): string {
  const name = policyName(setting);
  const form = formOf(setting);
  const isSwitch = form.kind === 'switch';
  const attributes = {
    name,
    class: 'Machine',
    displayName: `$(string.${name})`,
    explainText: `$(string.${name}_help)`,
    key: KEY,
    ...(isSwitch ? { valueName: setting.name } : { presentation: `$(presentation.${name})` }),
  };
  const place = [element('parentCategory', { ref: CATEGORY }), element('supportedOn', { ref: 'supported' })];
  return element('policy', attributes, [...place, ...(isSwitch ? SWITCH : [box(setting, form)])]);
}

const SWITCH = [
  element('enabledValue', {}, [element('decimal', { value: 1 })]),
  element('disabledValue', {}, [element('decimal', { value: 0 })]),
];

function box(setting: Setting, form: Exclude<Form, { kind: 'switch' }>): string {
  const common = { id: elementId(setting), valueName: setting.name };
  switch (form.kind) {
    case 'choice':
      return element('elements', {}, [
        element(
          'enum',
          { ...common, required: 'true' },
          form.options.map((option) => item(option)),
        ),
      ]);
    case 'number':
      // A policy knows whole numbers only.
      return element('elements', {}, [
        form.whole
          ? element('decimal', { ...common, required: 'true', minValue: form.min, maxValue: form.max })
          : element('text', { ...common, required: 'true', maxLength: 12 }),
      ]);
    case 'list':
      return element('elements', {}, [element('multiText', { ...common, maxStrings: form.maxItems })]);
    case 'text':
      return element('elements', {}, [
        element('text', { ...common, required: 'true', maxLength: form.maxLength }),
      ]);
  }
}

function item(option: string): string {
  return element('item', { displayName: `$(string.option_${stringId(option)})` }, [
    element('value', {}, [element('string', {}, option)]),
  ]);
}

function stringId(option: string): string {
  return option.replaceAll('-', '_');
}

const WORDS = {
  en: {
    about: 'Settings of the Drawbridge agent. They outrank the settings file of each computer.',
    supported: 'Drawbridge agent 0.1 or later',
    standard: 'Without this policy',
    range: (min: number, max: number) => `From ${min} to ${max}.`,
    off: 'Disabled: no.',
    lines: 'One a line.',
  },
  de: {
    about: 'Einstellungen des Drawbridge-Agenten. Sie gehen der Einstellungsdatei jedes Computers vor.',
    supported: 'Drawbridge-Agent ab 0.1',
    standard: 'Ohne diese Richtlinie',
    range: (min: number, max: number) => `Von ${min} bis ${max}.`,
    off: 'Deaktiviert: nein.',
    lines: 'Eins je Zeile.',
  },
} as const;

export function adml(language: Language): string {
  const own = LANGUAGES[language];
  const options = managedSettings.flatMap((setting) => {
    const form = formOf(setting);
    return form.kind === 'choice' ? form.options : [];
  });
  const strings: [string, string][] = [
    ['category', 'Drawbridge'],
    ['supported', WORDS[own].supported],
    ...managedSettings.flatMap((setting): [string, string][] => [
      [policyName(setting), setting.words.title[own]],
      [`${policyName(setting)}_help`, help(setting, own)],
    ]),
    ...[...new Set(options)].map((option): [string, string] => [`option_${stringId(option)}`, option]),
  ];
  return xmlDocument(
    element('policyDefinitionResources', { xmlns: NAMESPACE, ...SCHEMA }, [
      element('displayName', {}, 'Drawbridge'),
      element('description', {}, WORDS[own].about),
      element('resources', {}, [
        element(
          'stringTable',
          {},
          strings.map(([id, text]) => element('string', { id }, text)),
        ),
        element(
          'presentationTable',
          {},
          managedSettings.flatMap((setting) => presentation(setting, own)),
        ),
      ]),
    ]),
  );
}

/** A sentence of words.about, its range, and what holds without it. */
function help(setting: Setting, language: 'en' | 'de'): string {
  const words = WORDS[language];
  const form = formOf(setting);
  const about = sentence(plain(setting.words.about[language]));
  const standard = `${words.standard}: ${plain(setting.words.without?.[language] ?? String(defaultOf(setting)))}.`;
  const range = form.kind === 'number' ? ` ${words.range(form.min, form.max)}` : '';
  const more = form.kind === 'list' ? ` ${words.lines}` : form.kind === 'switch' ? ` ${words.off}` : '';
  return `${about}${range}${more}\n\n${standard}\n\n${setting.name}`;
}

export function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}

export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}

function presentation(setting: Setting, language: 'en' | 'de'): string[] {
  const form = formOf(setting);
  if (form.kind === 'switch') return [];
  const label = setting.words.title[language];
  const reference = { refId: elementId(setting) };
  const standard = defaultOf(setting);
  const inner = {
    choice: () =>
      element(
        'dropdownList',
        { ...reference, noSort: 'true', defaultItem: defaultItem(form, standard) },
        label,
      ),
    number: () =>
      'whole' in form && form.whole
        ? element('decimalTextBox', { ...reference, defaultValue: Number(standard), spin: 'false' }, label)
        : textBox(reference, label, String(standard)),
    list: () => element('multiTextBox', reference, label),
    text: () => textBox(reference, label, standard === undefined ? null : String(standard)),
  }[form.kind]();
  return [element('presentation', { id: policyName(setting) }, [inner])];
}

function defaultItem(form: Form, standard: unknown): number {
  return form.kind === 'choice' ? Math.max(0, form.options.indexOf(String(standard))) : 0;
}

function textBox(reference: { refId: string }, label: string, standard: string | null): string {
  const given = standard === null ? [] : [element('defaultValue', {}, standard)];
  return element('textBox', reference, [element('label', {}, label), ...given]);
}
