import { defaultOf, formOf, settings, type Setting } from '../../src/agent/setting-list.ts';

const BEGIN = '<!-- Made from src/agent/config-schema.ts by: npm run mdm -- --docs -->';
const END = '<!-- end of what is made -->';

/** The settings as a Markdown table. */
export function settingsTable(): string {
  return ['| setting | default | meaning |', '|---|---|---|', ...settings.map(rowOf)].join('\n');
}

function rowOf(setting: Setting): string {
  const { name, words } = setting;
  const form = formOf(setting);
  const missing = form.kind === 'choice' && !form.options.every((option) => words.about.en.includes(option));
  const choice = missing ? `: ${form.options.map((option) => `\`${option}\``).join(', ')}` : '';
  const standard = words.without?.en ?? `\`${String(defaultOf(setting))}\``;
  return `| \`${name}\` | ${standard} | ${words.about.en}${choice} |`;
}

/** A document with its table of settings made anew. Throws where there is no place for it. */
export function withTable(document: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`the document has no place for the table: ${BEGIN}`);
  return `${document.slice(0, begin)}${BEGIN}\n${settingsTable()}\n\n${document.slice(end)}`;
}
