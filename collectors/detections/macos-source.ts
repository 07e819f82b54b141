import type { Fact } from '../specs.ts';

export type Detection = Fact<'detections'>['open'][number];

/** One product's own record; `found` is null when it is installed and its record cannot be read. */
export type Source = { name: string; found: { open: Detection[]; closed: number | null } | null };
