import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePlist } from '../../collectors/macos-plist.ts';
import { parseScutil } from '../../collectors/macos-scutil.ts';
import { flagOf, timeOf } from '../../collectors/macos-values.ts';

const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n';
const xml = (body: string) => `${HEAD}<plist version="1.0">${body}</plist>\n`;

describe('property lists', () => {
  test('all three forms of one list say the same', () => {
    const forms = [
      xml(
        '<dict><key>Label</key><string>a &amp; b</string><key>Args</key><array><string>x</string><string>y</string></array></dict>',
      ),
      '{"Label": "a & b", "Args": ["x", "y"]}',
      '{ Label = "a & b"; Args = (x, y); }',
      '{\n  "Label" => "a & b"\n  "Args" => [\n    0 => "x"\n    1 => "y"\n  ]\n}\n',
    ];
    for (const form of forms) expect(parsePlist(form)).toEqual({ Label: 'a & b', Args: ['x', 'y'] });
  });

  test('numbers, booleans and dates keep their values; data is dropped', () => {
    const body =
      '<dict><key>n</key><integer>-5</integer><key>r</key><real>1.5</real><key>t</key><true/><key>f</key><false/>' +
      '<key>d</key><date>2026-10-02T06:12:13Z</date><key>b</key><data>\n\tc2VjcmV0\n</data><key>e</key><string/></dict>';
    expect(parsePlist(xml(body))).toEqual({
      n: -5,
      r: 1.5,
      t: true,
      f: false,
      d: '2026-10-02T06:12:13Z',
      b: null,
      e: '',
    });
  });

  test('text: escapes, comments, data, an unquoted date of plutil -p', () => {
    const text =
      '// !$*UTF8*$!\n{ a = "\\U00e9\\"\\n"; /* c */ b = <0a 1b>; c = {length = 2, bytes = 0x0a1b}; "d" => 2026-10-02 06:12:13 +0000 }';
    expect(parsePlist(text)).toEqual({ a: 'é"\n', b: null, c: null, d: '2026-10-02 06:12:13 +0000' });
  });

  test('spaces or a byte order mark before the list, CDATA and comments in it', () => {
    expect(
      parsePlist(`\uFEFF  ${xml('<!-- c --><dict><key>a</key><string><![CDATA[<b>]]></string></dict>')}`),
    ).toEqual({ a: '<b>' });
  });

  test.each([
    ['no list', 'The file does not exist'],
    ['a lone word', 'hello'],
    ['an empty text', ''],
    ['a binary list', 'bplist00\u00d1\u0001\u0002'],
    ['two lists', xml('<dict/>') + xml('<dict/>')],
    ['an open element', `${HEAD}<plist version="1.0"><dict><key>a</key><true/>`],
    ['a wrong nesting', xml('<dict><key>a</key><array></dict></array>')],
    ['a key without a value', xml('<dict><key>a</key></dict>')],
    ['two values for a key', xml('<dict><key>a</key><true/><false/></dict>')],
    ['text between elements', xml('<dict>words<key>a</key><true/></dict>')],
    ['an unknown element', xml('<dict><key>a</key><script>x</script></dict>')],
    [
      'an entity of its own',
      '<!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><dict><key>k</key><string>&a;</string></dict></plist>',
    ],
    ['an open text list', '{ a = (b, c'],
    ['text after a text list', '{ a = b; } c'],
  ])('%s is none', (_what, text) => {
    expect(parsePlist(text)).toBeUndefined();
  });

  test('depth and size are bounded', () => {
    const deep = 100_000;
    expect(parsePlist(xml('<array>'.repeat(deep) + '</array>'.repeat(deep)))).toBeUndefined();
    expect(parsePlist('('.repeat(deep) + ')'.repeat(deep))).toBeUndefined();
    expect(parsePlist(xml(`<string>${'x'.repeat(5_000_000)}</string>`))).toBeUndefined();
  });

  test('a key called __proto__ is a key like any other', () => {
    const list = parsePlist(xml('<dict><key>__proto__</key><dict><key>polluted</key><true/></dict></dict>'));
    expect(Object.getPrototypeOf(list)).toBe(Object.prototype);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  test('no text throws', () => {
    const pieces = fc.constantFrom(
      '<dict>',
      '</dict>',
      '<key>',
      '</key>',
      '<array/>',
      '{',
      '}',
      '(',
      '=',
      ';',
      '"',
      '\\',
      '<',
      '&#x110000;',
      '\n',
      'a',
    );
    const noise = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 60 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(noise, (text) => [parsePlist(text), parsePlist(xml(text)), parseScutil(text)].length === 3),
    );
  });
});

describe('scutil', () => {
  test('dictionaries and arrays become objects, values may hold colons', () => {
    const text =
      'Connected\nExtended Status <dictionary> {\n  IPv4 : <dictionary> {\n    Addresses : <array> {\n      0 : 10.0.0.9\n    }\n  }\n  URL : https://a:1\n}\n';
    expect(parseScutil(text)).toEqual({ IPv4: { Addresses: { '0': '10.0.0.9' } }, URL: 'https://a:1' });
  });

  test('half a dictionary is none', () => {
    expect(parseScutil('<dictionary> {\n  a : <dictionary> {\n    b : 1\n  }\n')).toBeNull();
  });
});

describe('values', () => {
  test.each([
    ['2026-10-02T06:12:13Z', '2026-10-02T06:12:13.000Z'],
    ['2026-10-02 08:12:13 +0200', '2026-10-02T06:12:13.000Z'],
    ['2026-10-02 02:12:13-04', '2026-10-02T06:12:13.000Z'],
    ['0001-01-01T00:00:00Z', null],
    ['2026-13-02T06:12:13Z', null],
    ['02/10/2026, 06:12', null],
    ['2026-10-02 06:12:13', null],
  ])('%s is the time %s', (text, time) => {
    expect(timeOf(text)).toBe(time);
  });

  test('a flag in all its spellings', () => {
    expect([true, 1, '1', 'YES', 'True'].map(flagOf)).toEqual([true, true, true, true, true]);
    expect([false, 0, '0', 'NO', 'false'].map(flagOf)).toEqual([false, false, false, false, false]);
    expect([null, undefined, 2, 'perhaps', {}].map(flagOf)).toEqual([null, null, null, null, null]);
  });
});
