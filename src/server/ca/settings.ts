import { z } from 'zod';

const path = z.string().min(1);
const door = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.number().int().min(0).max(65_535),
});

/** A name below which there may be others. */
const domain = z
  .string()
  .max(180)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/, {
    message: 'has to be a domain in small letters, such as devices.example.org',
  });

/** The settings under `ca`. */
export const caSettings = z.strictObject({
  /** Below which each device has its name in its certificate. */
  domain: domain.default('devices.drawbridge.internal'),
  deviceHours: z.number().min(1).max(24).default(24),
  gatewayDays: z.number().int().min(1).max(397).default(30),
  /** Where gateways fetch the list of what is revoked: it stands in every certificate. */
  crlUrl: z.url({ protocol: /^http$/ }).optional(),
  /** For how long a list is good; a new one is made in half that time. */
  crlMinutes: z.number().int().min(10).max(1_440).default(60),
  /** Plain HTTP, for the list alone. */
  crl: door.optional(),
  /** EST (RFC 7030), HTTPS with client certificates. */
  est: door.optional(),
  /** Another authority that signs instead of the server's own. */
  stepCa: z
    .strictObject({
      url: z.url({ protocol: /^https$/ }),
      /** The authority's root: what its TLS certificate and its chain are checked against. */
      caFile: path,
      /** Name of a JWK provisioner, and its private key as a JWK, for the server's user alone. */
      provisioner: z.string().min(1).max(100),
      keyFile: path,
    })
    .optional(),
});

export type CaSettings = z.output<typeof caSettings>;
