import { z } from 'zod';

const MAX_BYTES_OF_MEMORY = 2 ** 50;

/** A vendor's own words; without control characters, which have no business in a name. */
const words = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{C}+$/u)
  .nullable();

/** What kind of computer a device is. For people who look after a fleet: nothing is decided by it, nothing identifies. */
export const inventory = z.object({
  manufacturer: words,
  model: words,
  cpu: words,
  memoryBytes: z.number().int().positive().max(MAX_BYTES_OF_MEMORY).nullable(),
  /** A virtual machine or a container. */
  virtual: z.boolean().nullable(),
  /** In the vendor's words, such as Notebook or Desktop. */
  chassis: words,
});

export type Inventory = z.infer<typeof inventory>;
