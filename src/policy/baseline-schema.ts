import { z } from 'zod';

/*
 * Reference data: which versions there are, since when, and how long they get updates. Without it nobody can say
 * what "up to date" means. Each section has the day up to which it is complete; what came out later, it cannot know.
 */

const day = z.iso.date();
const name = z.string().min(1).max(80);
/** A vendor's version: numbers, perhaps with text behind them. */
const version = z
  .string()
  .regex(/^\d{1,10}(?:\.\d{1,10}){0,5}(?: ?\([a-z]\))?$/, 'has to be a version such as 15.7.2');

const windowsRelease = z.strictObject({
  family: z.enum(['windows-client', 'windows-server']),
  build: z.number().int().min(1).max(999_999),
  name,
  /** The last day with updates, by servicing option; null or left out where it is not known. */
  endOfSupport: z
    .strictObject({
      consumer: day.nullable().default(null),
      enterprise: day.nullable().default(null),
      longTerm: day.nullable().default(null),
      server: day.nullable().default(null),
    })
    .prefault({}),
  /** `security` are the ones that a device should not go without; previews and others only tell what it has. */
  updates: z
    .array(
      z.strictObject({
        revision: z.number().int().min(0).max(999_999),
        date: day,
        kind: z.enum(['security', 'other']),
      }),
    )
    .max(300),
});

const macosRelease = z.strictObject({
  major: z.number().int().min(10).max(999),
  name,
  endOfSupport: day.nullable().default(null),
  releases: z.array(z.strictObject({ version, date: day })).max(300),
});

const linuxRelease = z.strictObject({
  /** ID and VERSION_ID of os-release. */
  family: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,39}$/),
  version: z.string().regex(/^[0-9A-Za-z.]{1,20}$/),
  name,
  endOfSupport: day.nullable(),
  /** The end of long-term support that everybody gets (Debian LTS), and of the one for customers (ESM, ELTS). */
  longTermUntil: day.nullable().default(null),
  extendedUntil: day.nullable().default(null),
});

const antivirusProduct = z.strictObject({
  /** As the `antivirus` check names it. */
  product: name,
  definitions: z.strictObject({ version, date: day }),
});

const windowsSection = z.strictObject({ asOf: day, releases: z.array(windowsRelease).max(100) });
const macosSection = z.strictObject({ asOf: day, releases: z.array(macosRelease).max(50) });
const linuxSection = z.strictObject({ asOf: day, releases: z.array(linuxRelease).max(500) });
const antivirusSection = z.strictObject({ asOf: day, products: z.array(antivirusProduct).max(50) });

export const baselineSchema = z.strictObject({
  version: z.literal(1),
  /** The day on which this was put together; a newer one replaces an older one. */
  date: day,
  /** Where it comes from, for people. */
  sources: z.array(z.string().min(1).max(300)).max(30).default([]),
  windows: windowsSection.nullable().default(null),
  macos: macosSection.nullable().default(null),
  linux: linuxSection.nullable().default(null),
  antivirus: antivirusSection.nullable().default(null),
});
