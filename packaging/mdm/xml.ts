import { escapeXml } from '../build/plist.ts';

type Attributes = Readonly<Record<string, string | number>>;

/** One element, indented by its depth; `content` is text, or the elements in it, or nothing. */
export function element(
  name: string,
  attributes: Attributes = {},
  content: string | readonly string[] = [],
): string {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${inOneLine(String(value))}"`);
  const open = `<${name}${given.join('')}`;
  if (typeof content === 'string') return `${open}>${inOneLine(content)}</${name}>`;
  if (content.length === 0) return `${open}/>`;
  const inner = content.map((child) => child.replace(/^/gm, '  ')).join('\n');
  return `${open}>\n${inner}\n</${name}>`;
}

/** Line ends as they are would be indented with the elements around them. */
function inOneLine(text: string): string {
  return escapeXml(text).replaceAll('\n', '&#10;');
}

/** A whole document. Windows reads its templates in UTF-8 with or without a mark; ours have none. */
export function xmlDocument(root: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n${root}\n`;
}
