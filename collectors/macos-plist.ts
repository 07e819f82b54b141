import { parseJson } from './json.ts';
import { parseTextPlist } from './macos-plist-text.ts';
import { parseXmlPlist } from './macos-plist-xml.ts';

/** A system's own lists are far smaller; more is not looked at. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * A property list in any form that macOS prints: XML (`plutil -convert xml1`, `defaults export`), JSON
 * (`plutil -convert json`), or text (`defaults read`, `plutil -p`, old files). Dictionaries become objects, dates
 * stay as they are written, binary data becomes null (nothing here needs it, and it may be a secret). `undefined`
 * for anything that is not one whole list: half a list could leave out the very key that matters.
 */
export function parsePlist(text: string): unknown {
  if (text.length > MAX_CHARACTERS) return undefined;
  const value = parseAnyForm(text.replace(/^\uFEFF/, '').trim());
  // A lone word is a list too by the text form's rules, and would make one of any remark.
  return typeof value === 'object' && value !== null ? value : undefined;
}

function parseAnyForm(trimmed: string): unknown {
  if (trimmed.startsWith('<')) return parseXmlPlist(trimmed);
  return /^[{[]/.test(trimmed) ? (parseJson(trimmed) ?? parseTextPlist(trimmed)) : parseTextPlist(trimmed);
}
