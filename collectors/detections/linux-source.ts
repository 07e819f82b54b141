import type { Fact } from '../specs.ts';

export type Detections = Fact<'detections'>;
export type Detection = Detections['open'][number];

/** What one product's own records say: null in place of them when they are there and cannot be read. */
export type Source = { name: string; found: { open: Detection[]; closed: number | null } | null };
