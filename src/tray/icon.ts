import type { Colour } from '../wire/tray.ts';

type Rgb = readonly [number, number, number];
/** Distances and coordinates are fractions of the icon's side, y downwards. */
type Inside = (x: number, y: number) => boolean;

/** A picture, row by row from the top: red, green, blue, alpha, not premultiplied. */
export type Picture = { size: number; rgba: Uint8Array };

/** Where panels show icons; the last one is for notifications. */
export const ICON_SIZES = [16, 22, 24, 32, 48] as const;

/** Fill and glyph: at least 3 to 1 against each other, and the fill against a black and a white panel. */
export const INKS: Record<Colour, { fill: Rgb; glyph: Rgb }> = {
  green: { fill: [0x1f, 0x8f, 0x4a], glyph: [255, 255, 255] },
  amber: { fill: [0xd6, 0x82, 0x00], glyph: [0x10, 0x0a, 0x00] },
  red: { fill: [0xd3, 0x2f, 0x2f], glyph: [255, 255, 255] },
  grey: { fill: [0x76, 0x7c, 0x82], glyph: [255, 255, 255] },
};

/** Each state has an outline of its own besides its colour and its glyph: nobody has to see colours. */
const OUTLINES: Record<Colour, Inside> = {
  green: disc,
  amber: triangle,
  red: octagon,
  grey: disc,
};

/** Points across and down in each pixel by which edges are smoothed. */
const SAMPLES = 8;

/** Draws one state at `size` by `size` pixels. */
export function drawIcon(colour: Colour, size: number): Picture {
  const { fill, glyph } = INKS[colour];
  const outline = OUTLINES[colour];
  const mark = glyphOf(colour, strokeAt(size));
  const rgba = new Uint8Array(size * size * 4);
  for (let pixel = 0; pixel < size * size; pixel += 1) {
    const { covered, marked } = sample(pixel % size, Math.floor(pixel / size), size, outline, mark);
    if (covered === 0) continue;
    const share = marked / covered;
    const channels = fill.map((value, i) => Math.round(value * (1 - share) + (glyph[i] ?? 0) * share));
    rgba.set([...channels, Math.round((covered / SAMPLES ** 2) * 255)], pixel * 4);
  }
  return { size, rgba };
}

function sample(column: number, row: number, size: number, outline: Inside, mark: Inside) {
  let covered = 0;
  let marked = 0;
  for (let point = 0; point < SAMPLES ** 2; point += 1) {
    const x = (column + ((point % SAMPLES) + 0.5) / SAMPLES) / size;
    const y = (row + (Math.floor(point / SAMPLES) + 0.5) / SAMPLES) / size;
    if (!outline(x, y)) continue;
    covered += 1;
    if (mark(x, y)) marked += 1;
  }
  return { covered, marked };
}

/** Half the width of a stroke: an even number of pixels, so that an upright stroke in the middle has sharp edges. */
function strokeAt(size: number): number {
  return Math.max(1, Math.round(size * 0.06)) / size;
}

function glyphOf(colour: Colour, half: number): Inside {
  switch (colour) {
    case 'green':
      return strokes(half, [0.27, 0.52, 0.44, 0.69], [0.44, 0.69, 0.74, 0.34]);
    case 'amber':
      return (x, y) => bar(x, y, half, 0.36, 0.63) || bar(x, y, half, 0.71, 0.71 + 2 * half);
    case 'red':
      return strokes(half, [0.32, 0.32, 0.68, 0.68], [0.68, 0.32, 0.32, 0.68]);
    case 'grey':
      return (x, y) => hook(x, y, half) || bar(x, y, half, 0.74, 0.74 + 2 * half);
  }
}

function disc(x: number, y: number): boolean {
  return Math.hypot(x - 0.5, y - 0.5) <= 0.48;
}

/** An upright triangle with rounded corners: every point within `ROUND` of a smaller one. */
function triangle(x: number, y: number): boolean {
  const ROUND = 0.08;
  const corners = [0.5, 0.11, 0.9, 0.85, 0.1, 0.85] as const;
  const [ax, ay, bx, by, cx, cy] = corners;
  const inside = [
    (bx - ax) * (y - ay) - (by - ay) * (x - ax),
    (cx - bx) * (y - by) - (cy - by) * (x - bx),
    (ax - cx) * (y - cy) - (ay - cy) * (x - cx),
  ].every((side) => side >= 0);
  return inside || strokes(ROUND, [ax, ay, bx, by], [bx, by, cx, cy], [cx, cy, ax, ay])(x, y);
}

function octagon(x: number, y: number): boolean {
  const dx = Math.abs(x - 0.5);
  const dy = Math.abs(y - 0.5);
  return Math.max(dx, dy) <= 0.47 && dx + dy <= 0.47 * Math.SQRT2;
}

function bar(x: number, y: number, half: number, top: number, bottom: number): boolean {
  return Math.abs(x - 0.5) <= half && y >= top && y <= bottom;
}

/** The upper part of a question mark: three quarters of a ring, and the stem that leaves it. */
function hook(x: number, y: number, half: number): boolean {
  const RADIUS = 0.15;
  const centre = 0.37;
  const onRing = Math.abs(Math.hypot(x - 0.5, y - centre) - RADIUS) <= half;
  const isGap = x < 0.5 && y > centre;
  return (onRing && !isGap) || bar(x, y, half, centre + RADIUS - half, 0.66);
}

type Line = readonly [fromX: number, fromY: number, toX: number, toY: number];

function strokes(half: number, ...lines: readonly Line[]): Inside {
  return (x, y) => lines.some((line) => distance(x, y, line) <= half);
}

function distance(x: number, y: number, [ax, ay, bx, by]: Line): number {
  const [dx, dy] = [bx - ax, by - ay];
  const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** The same picture as the tray protocol of Linux wants it: alpha, red, green, blue. */
export function toArgb({ rgba }: Picture): Uint8Array {
  const argb = new Uint8Array(rgba.length);
  for (let i = 0; i < rgba.length; i += 4) {
    argb[i] = rgba[i + 3] ?? 0;
    argb.set(rgba.subarray(i, i + 3), i + 1);
  }
  return argb;
}
