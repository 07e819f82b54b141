import { z } from 'zod';

/** OCSF's severities; `unknown` is 0. */
export const SEVERITIES = ['unknown', 'informational', 'low', 'medium', 'high', 'critical'] as const;

/** From here on an open signal makes its device high risk. */
export const SEVERE_FROM = SEVERITIES.indexOf('high');

const name = z.string().min(1).max(200);

/** One of the three ways to say which device is meant. */
export const selector = z.union([
  z.strictObject({ id: z.uuid() }),
  z.strictObject({ name }),
  /** The id by which a security product knows it, as the agent reports it. */
  z.strictObject({ sensor: name }),
]);

export type Selector = z.output<typeof selector>;

const data = z.object({
  /** The source's own name for what it found: an update has the same. */
  id: name,
  device: selector,
  severity: z.union([
    z.enum(SEVERITIES).transform((word) => SEVERITIES.indexOf(word)),
    z.number().int().min(0).max(5),
  ]),
  state: z.enum(['open', 'closed']),
  title: z.string().min(1).max(200),
});

/** What a source says of a device. `severity` is OCSF's number, 0 to 5. */
export type Signal = z.output<typeof data>;

/** The body of a webhook: `{type, timestamp, data}` as Standard Webhooks recommends, or its data alone. */
export const signalBody = z.union([
  z
    .object({ type: z.string().max(200), timestamp: z.iso.datetime({ offset: true }), data })
    .transform(({ timestamp, data: signal }) => ({ signal, at: Date.parse(timestamp) })),
  data.transform((signal) => ({ signal, at: null })),
]);
