import { z } from 'zod';
import { parseJson } from '../base/json.ts';

/** An administrator's word that a device may in for a while, whatever its state. Times are milliseconds. */
const breakGlass = z.object({
  since: z.number(),
  until: z.number(),
  reason: z.string(),
  by: z.string(),
});

export type BreakGlass = z.infer<typeof breakGlass>;

/** Reads what `administer.ts` wrote; null where there is none. */
export function parseBreakGlass(json: string | null): BreakGlass | null {
  const parsed = breakGlass.safeParse(json === null ? null : parseJson(json));
  return parsed.success ? parsed.data : null;
}
