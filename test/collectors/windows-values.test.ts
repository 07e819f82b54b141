import { describe, expect, test } from 'vitest';
import { flag, integer, listOf, numbered, text, time, unrolled } from '../../collectors/windows-values.ts';

describe('time', () => {
  test.each([
    ['2024-06-04T08:06:27.1234567Z', '2024-06-04T08:06:27.123Z'],
    ['2024-06-04T08:06:27', '2024-06-04T08:06:27.000Z'],
    ['2024-06-04T10:06:27+02:00', '2024-06-04T08:06:27.000Z'],
    ['2024-06-04', '2024-06-04T00:00:00.000Z'],
    ['/Date(1717488387000)/', '2024-06-04T08:06:27.000Z'],
    [{ value: '/Date(1717488387000)/', DateTime: 'mardi 4 juin 2024' }, '2024-06-04T08:06:27.000Z'],
  ])('reads %j', (value, expected) => expect(time.parse(value)).toBe(expected));

  test.each([
    '1601-01-01T00:00:00Z',
    '1899-12-30T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '/Date(-11644473600000)/',
    '04.06.2024 08:06:27',
    '2024-13-45T00:00:00Z',
    '',
    null,
    undefined,
    1_717_488_387,
    {},
  ])('has no time in %j', (value) => expect(time.parse(value)).toBeNull());
});

describe('numbers, names and flags', () => {
  const state = numbered({ Off: 0, 'Fully Encrypted': 1 });

  test.each([
    [1, 1],
    ['1', 1],
    ['FullyEncrypted', 1],
    ['fully encrypted', 1],
    ['constructor', null],
    ['Verschlüsselt', null],
    [true, null],
    [1.5, null],
  ])('an enum written as %j', (value, expected) => expect(state.parse(value)).toBe(expected));

  test.each([
    ['0x61100', 397_568],
    ['-2147217405', -2_147_217_405],
    [4_294_967_295, 4_294_967_295],
    ['4e3', null],
    [Number.NaN, null],
    ['', null],
  ])('a number written as %j', (value, expected) => expect(integer.parse(value)).toBe(expected));

  test.each([
    ['True', true],
    [1, true],
    ['0', false],
    ['Ja', null],
    [null, null],
    [2, null],
  ])('a flag written as %j', (value, expected) => expect(flag.parse(value)).toBe(expected));

  test('text loses the NULs that firmware pads it with', () => {
    expect(text.parse('STM\0')).toBe('STM');
    expect(text.parse('\0 ')).toBeNull();
    expect(text.parse('x'.repeat(10_000))).toHaveLength(500);
  });
});

describe('lists', () => {
  test.each([
    [undefined, null],
    [null, null],
    [[], []],
    [['a'], ['a']],
    ['a', ['a']],
    [{ value: ['a', 'b'], Count: 2 }, ['a', 'b']],
  ])('%j is the list %j', (value, expected) => {
    expect(unrolled(value)).toEqual(expected);
    expect(listOf(text).parse(value)).toEqual(expected);
  });
});
