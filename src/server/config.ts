import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { isMissing } from '../base/atomic-file.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseSettings, showProblems } from '../base/settings.ts';
import { caSettings } from './ca/settings.ts';
import { isNetwork } from './addresses.ts';
import { SEVERITIES } from './signals/signal.ts';
import { radiusSettings } from './radius-settings.ts';

const path = z.string().min(1);
const days = z.number().int().min(1).max(36_500);

/** Who may send signed webhooks (Standard Webhooks). */
const webhookSources = z
  .array(
    z.strictObject({
      source: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, {
        message: 'has to be of small letters, digits and -',
      }),
      /** Holds `whsec_…`; for the server's user alone. */
      secretFile: path,
    }),
  )
  .max(50)
  .refine((all) => new Set(all.map((one) => one.source)).size === all.length, {
    message: 'names the same source twice',
  });

/** The server's settings file. Everything has a default: an empty file is a complete one. */
export const configSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      /** 0 takes any free port. */
      port: z.number().int().min(0).max(65_535).default(8443),
    })
    .prefault({}),
  /** The address under which devices reach this server, where it is another than `listen` says. */
  publicUrl: z.url({ protocol: /^https$/ }).optional(),
  /** Names and addresses that the server's own TLS certificate has to cover, besides those of this machine. */
  names: z.array(z.string().min(1).max(253)).max(50).default([]),
  /** Relative paths here count from this file's folder. */
  dataDir: path.default('.'),
  policyFile: path.default('policy.yaml'),
  /** A certificate of the company's own instead of the one that `init` makes. */
  tls: z.strictObject({ certFile: path, keyFile: path }).optional(),
  /** Addresses or networks (CIDR) of reverse proxies whose X-Forwarded-For is believed. */
  trustedProxies: z
    .array(z.string().refine(isNetwork, { message: 'has to be an address or a network such as 10.0.0.0/8' }))
    .max(50)
    .default([]),
  radius: radiusSettings.prefault({}),
  ca: caSettings.prefault({}),
  credentials: z
    .strictObject({
      /** Hours after which each device gets another VPN password; without it, none is given. */
      hours: z.number().min(1).max(168).optional(),
    })
    .prefault({}),
  /** Security products that may tell of what they found, by signed webhooks to /v1/signals/<source>. */
  signals: webhookSources
    .refine((all) => all.every((one) => one.source !== 'places'), {
      message: '"places" is the server’s own source',
    })
    .default([]),
  /** Device managements that may say that a computer has left, by signed webhooks to /v1/offboarding/<source>. */
  offboarding: webhookSources.default([]),
  baseline: z
    .strictObject({
      /** Thumbprints of keys, besides this server's own, whose baselines are taken. */
      signers: z
        .array(z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'has to be the thumbprint of a key: 43 characters'))
        .max(20)
        .default([]),
    })
    .prefault({}),
  places: z
    .strictObject({
      /** A database in MaxMind's format with countries and coordinates; without one nobody looks at places. */
      database: path.optional(),
      /** Two logins of a device that are further apart than this speed allows are impossible. */
      maxKmPerHour: z.number().int().min(100).max(100_000).default(1_000),
      /** Nearer than this is no travel. */
      minKm: z.number().int().min(0).max(20_000).default(300),
      /** How grave each is; from `high` on it makes the device high risk. */
      impossibleTravel: z.enum(SEVERITIES).default('high'),
      newCountry: z.enum(SEVERITIES).default('low'),
    })
    .prefault({}),
  retention: z
    .strictObject({
      /** Reports and decisions; the latest of each device stay for as long as the device does. */
      historyDays: days.default(90),
      auditDays: days.default(400),
      /** VPN sessions that have ended, and logins. */
      sessionDays: days.default(90),
    })
    .prefault({}),
  limits: z
    .strictObject({
      connections: z.number().int().positive().default(20_000),
      /** Connections of one address that have not yet shown a session. */
      pendingPerAddress: z.number().int().positive().default(2),
      /** Attempts to enrol, a minute and address. */
      enrolmentsPerMinute: z.number().int().positive().default(20),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    })
    .prefault({}),
});

/** All paths are absolute. */
export type ServerConfig = z.output<typeof configSchema>;

/** The settings in a text, with paths taken from `folder`; or one `file:line:column: message` per problem. */
export function parseConfig(text: string, file: string): Result<ServerConfig, string> {
  const parsed = parseSettings(text, configSchema);
  if (!parsed.ok) return err(showProblems(file, parsed.error));
  return ok(withAbsolutePaths(parsed.value, dirname(resolve(file))));
}

/** Reads the settings file. The error is for a person and says what to do. */
export async function loadConfig(file: string): Promise<Result<ServerConfig, string>> {
  try {
    return parseConfig(await readFile(file, 'utf8'), file);
  } catch (error) {
    const why = messageOf(error);
    const hint = isMissing(error)
      ? 'Is this the right folder? "drawbridge-server init --data DIR" makes one.'
      : 'Run this as the user of the data folder, and name the folder with --data.';
    return err(`${file}: ${why}\n${hint}`);
  }
}

function withAbsolutePaths(config: ServerConfig, folder: string): ServerConfig {
  const dataDir = resolve(folder, config.dataDir);
  const from = (name: string) => (isAbsolute(name) ? name : join(dataDir, name));
  return {
    ...config,
    dataDir,
    policyFile: from(config.policyFile),
    signals: config.signals.map((one) => ({ ...one, secretFile: from(one.secretFile) })),
    offboarding: config.offboarding.map((one) => ({ ...one, secretFile: from(one.secretFile) })),
    radius: {
      ...config.radius,
      nas: config.radius.nas.map((nas) => ({
        ...nas,
        ...(nas.dynamicAuthorization && {
          dynamicAuthorization: {
            ...nas.dynamicAuthorization,
            secretFile: from(nas.dynamicAuthorization.secretFile),
          },
        }),
      })),
    },
    ca: {
      ...config.ca,
      ...(config.ca.stepCa && {
        stepCa: {
          ...config.ca.stepCa,
          caFile: from(config.ca.stepCa.caFile),
          keyFile: from(config.ca.stepCa.keyFile),
        },
      }),
    },
    places: {
      ...config.places,
      ...(config.places.database !== undefined && { database: from(config.places.database) }),
    },
    ...(config.tls && {
      tls: { certFile: from(config.tls.certFile), keyFile: from(config.tls.keyFile) },
    }),
  };
}
