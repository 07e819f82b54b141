import { parseXmlPlist } from '../../collectors/macos-plist-xml.ts';

const TAG = { list: 0x70, dictionary: 0xb0, sequence: 0x30, text: 0x0c, number: 0x02, truth: 0x01 };

/**
 * Entitlements in the binary form that macOS 12 and later read first, by the rules of DER: a version, then pairs of name
 * and value in order. Takes a list of names that are all true; throws on anything else.
 */
export function entitlementsDer(text: string): Buffer {
  const list = parseXmlPlist(text);
  if (typeof list !== 'object' || list === null) throw new Error('the entitlements are no property list');
  const pairs = Object.entries(list).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const members = pairs.map(([name, value]) => {
    if (value !== true) throw new Error(`the entitlement ${name} is not simply true`);
    return der(TAG.sequence, der(TAG.text, Buffer.from(name)), der(TAG.truth, Buffer.of(0xff)));
  });
  return der(TAG.list, der(TAG.number, Buffer.of(1)), der(TAG.dictionary, ...members));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length > 0xffff) throw new Error('more entitlements than anybody needs');
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
