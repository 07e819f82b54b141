import { expect, test } from 'vitest';
import { drawIcon, ICON_SIZES, INKS, toArgb } from '../../src/tray/icon.ts';
import { toPng } from '../../src/tray/png.ts';
import { COLOURS } from '../../src/wire/tray.ts';

/** Contrast of two colours as WCAG has it. */
function contrast(a: readonly number[], b: readonly number[]): number {
  const light = (rgb: readonly number[]) =>
    rgb
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
      .reduce((sum, value, i) => sum + value * ([0.2126, 0.7152, 0.0722][i] ?? 0), 0);
  const [low = 0, high = 0] = [light(a), light(b)].toSorted((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

test.each(COLOURS)('%s is told apart on dark and light panels, and its glyph in it', (colour) => {
  const { fill, glyph } = INKS[colour];
  expect(contrast(fill, glyph)).toBeGreaterThan(3);
  expect(contrast(fill, [250, 250, 250])).toBeGreaterThan(2.5);
  expect(contrast(fill, [30, 30, 30])).toBeGreaterThan(2.5);
});

test.each(ICON_SIZES)('at %i pixels the four states differ in shape, not in colour alone', (size) => {
  const shapes = COLOURS.map((colour) => {
    const { rgba } = drawIcon(colour, size);
    const { glyph } = INKS[colour];
    // 1 where it is glyph, 2 where it is fill, 0 outside.
    return Array.from({ length: size * size }, (_, i) => {
      const near = glyph.every((value, channel) => Math.abs(value - (rgba[i * 4 + channel] ?? 0)) < 90);
      return (rgba[i * 4 + 3] ?? 0) < 128 ? 0 : near ? 1 : 2;
    });
  });
  for (const [index, shape] of shapes.entries()) {
    expect(shape.filter((kind) => kind === 1).length, COLOURS[index] ?? '').toBeGreaterThan(
      size * size * 0.025,
    );
    for (const other of shapes.slice(index + 1)) {
      const differs = shape.filter((kind, i) => kind !== other[i]).length;
      expect(differs).toBeGreaterThan(size * size * 0.06);
    }
  }
});

test('the same state is always the same bytes', () => {
  expect(toPng(drawIcon('red', 32))).toEqual(toPng(drawIcon('red', 32)));
  const { rgba } = drawIcon('red', 16);
  const argb = toArgb({ size: 16, rgba });
  const middle = 8 * 16 * 4 + 4 * 4;
  expect([...argb.subarray(middle, middle + 4)]).toEqual([
    rgba[middle + 3],
    rgba[middle],
    rgba[middle + 1],
    rgba[middle + 2],
  ]);
});
