import { z } from 'zod';
import { ACCESS } from '../wire/decision.ts';
import { isNetwork } from './addresses.ts';
import { problemWith } from './radius-dictionary.ts';

const seconds = z.number().int().positive();
/** An attribute of RADIUS holds 253 bytes. */
const attribute = z.string().min(1).max(253);
const name = z.string().min(1).max(100);

const MAX_ATTRIBUTES = 30;

const one = z.union([z.string(), z.number()]);

/** Attributes by name, each with one value or several; `deny` instead refuses whoever would get this reply. */
const template = z.union([
  z.literal('deny'),
  z.record(z.string(), z.union([one, z.array(one).min(1).max(10)])).superRefine((attributes, context) => {
    const entries = Object.entries(attributes);
    if (entries.length > MAX_ATTRIBUTES) context.addIssue(`has more than ${MAX_ATTRIBUTES} attributes`);
    for (const [key, values] of entries) {
      for (const value of Array.isArray(values) ? values : [values]) {
        const problem = problemWith(key, value);
        if (problem !== null) context.addIssue({ code: 'custom', path: [key], message: problem });
      }
    }
  }),
]);

export type Template = z.output<typeof template>;

export const NAS_TYPES = [
  'generic',
  'freeradius-pppd',
  'accel-ppp',
  'mikrotik',
  'cisco',
  'windows-rras',
] as const;
export type NasType = (typeof NAS_TYPES)[number];

const nas = z.strictObject({
  /** As the NAS calls itself (NAS-Identifier). */
  name,
  /** Where its requests come from; empty: recognised by name alone. */
  addresses: z
    .array(z.string().refine(isNetwork, { message: 'has to be an address or a network such as 10.0.0.0/8' }))
    .max(50)
    .default([]),
  type: z.enum(NAS_TYPES).default('generic'),
  /** Replies by access, instead of the type's own. */
  templates: z.partialRecord(z.enum(ACCESS), template).default({}),
  /** Where its sessions are ended and changed while they are up (RFC 5176). */
  dynamicAuthorization: z
    .strictObject({
      host: z.string().min(1).max(253),
      port: z.number().int().min(1).max(65_535).default(3799),
      /** Relative to the data folder; for the server's user alone. */
      secretFile: z.string().min(1),
    })
    .optional(),
});

export type Nas = z.output<typeof nas>;

/** How a device was recognised, strongest first. */
export const IDENTITIES = ['certificate', 'credential', 'presence', 'hint'] as const;
export type Identity = (typeof IDENTITIES)[number];

const replyDefaults = (filterId: string, timeout: number) =>
  z
    .strictObject({
      filterId: attribute.default(filterId),
      sessionTimeoutSeconds: seconds.default(timeout),
    })
    .prefault({});

/** The settings under `radius`. */
export const radiusSettings = z.strictObject({
  allow: replyDefaults('posture-full', 28_800),
  restrict: replyDefaults('posture-restrict', 300),
  quarantine: replyDefaults('posture-quarantine', 300),
  /** The weakest way of recognising a device that lets it in as it deserves. */
  minimumIdentity: z.enum(IDENTITIES).default('presence'),
  /** What the name in a device's IPsec certificate is. */
  certificateNames: z.enum(['device-id', 'device-name']).default('device-id'),
  /** Whether every gateway takes certificates only, so that what a peer is called is proven. */
  provenPeers: z.boolean().default(false),
  /** For so long after its last word, a device that was denied counts as still being behind its address; 0: never. */
  deniedNeighbourHours: z.number().min(0).max(720).default(24),
  sessions: z
    .strictObject({
      /** Sessions at a time; who has as many is restricted. */
      perDevice: z.number().int().min(1).max(1_000).default(2),
      perUser: z.number().int().min(1).max(1_000).default(5),
      /** Without a word of accounting. */
      lostAfterSeconds: z.number().int().min(120).max(86_400).default(900),
    })
    .prefault({}),
  nas: z
    .array(nas)
    .max(200)
    .refine((all) => new Set(all.map((entry) => entry.name)).size === all.length, {
      message: 'names the same NAS twice',
    })
    .default([]),
});

export type RadiusSettings = z.output<typeof radiusSettings>;
