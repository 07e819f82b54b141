/** What a property list of ours holds. Numbers become reals, the one kind that code signatures have; bigints integers. */
export type PlistValue =
  string | boolean | number | bigint | Buffer | readonly PlistValue[] | PlistDictionary;
export type PlistDictionary = { readonly [key: string]: PlistValue };

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
`;

/** A property list in its XML form. */
export function toPlist(value: PlistDictionary): string {
  return `${HEAD}<plist version="1.0">\n${element(value, '')}\n</plist>\n`;
}

function element(value: PlistValue, indent: string): string {
  if (typeof value === 'string') return `${indent}<string>${escapeXml(value)}</string>`;
  if (typeof value === 'boolean') return `${indent}<${value}/>`;
  if (typeof value === 'number') return `${indent}<real>${value}</real>`;
  if (typeof value === 'bigint') return `${indent}<integer>${value}</integer>`;
  if (Buffer.isBuffer(value)) return `${indent}<data>${value.toString('base64')}</data>`;
  if (isList(value)) {
    const items = value.map((one) => element(one, `${indent}\t`));
    return [`${indent}<array>`, ...items, `${indent}</array>`].join('\n');
  }
  const inner = Object.entries(value).flatMap(([key, one]) => [
    `${indent}\t<key>${escapeXml(key)}</key>`,
    element(one, `${indent}\t`),
  ]);
  return [`${indent}<dict>`, ...inner, `${indent}</dict>`].join('\n');
}

function isList(value: PlistValue): value is readonly PlistValue[] {
  return Array.isArray(value);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
