import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { isMissing } from '../base/atomic-file.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseSettings, showProblems } from '../base/settings.ts';
import { userStore, usersFrom } from './config-users.ts';
import { address, network, path, port, sentence, word } from './config-values.ts';

/** Long enough for a rare wave of logins, short enough that the NAS asks again only when it should. */
const waiting = z.number().min(0.2).max(10);
const serverUrl = z
  .string()
  .regex(/^https:\/\/([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,45}\])(:\d{1,5})?\/?$/, {
    message: 'has to be like https://posture.example.org:8443',
  })
  .transform((url) => url.replace(/\/$/, ''));

/** What a session gets that is let in restricted by FreeRADIUS itself. */
const restrictSchema = z.strictObject({
  filterId: word.optional(),
  framedPool: word.optional(),
  sessionTimeoutSeconds: z.number().int().min(60).max(86_400).default(300),
  vlan: z.number().int().min(1).max(4_094).optional(),
  mikrotikAddressList: word.optional(),
  ciscoAvPairs: z
    .array(
      z.string().regex(/^[A-Za-z0-9_.:/@+=# -]{1,200}$/, {
        message: 'has to be like ip:inacl=name',
      }),
    )
    .max(10)
    .default([]),
});

const radiusClient = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,60}$/, { message: 'has to be of letters, digits, _ and -' }),
  address: network,
  secretFile: path,
  /** pppd cannot send Message-Authenticator; everything else has to. */
  kind: z.enum(['pppd', 'accel-ppp', 'mikrotik', 'cisco', 'rras', 'other']).default('other'),
});

/** What a session may reach by its Filter-Id. `open`: everything. */
const filter = z.union(
  [z.literal('open'), z.strictObject({ reach: z.array(network).max(100).default([]) })],
  { message: 'has to be "open", or what stays reachable, such as { reach: [192.0.2.10] }' },
);

/** The small daemon on a Linux gateway that ends sessions and moves them between filters. */
const helperSchema = z.strictObject({
  /** On loopback; asked by FreeRADIUS. */
  port: port.default(9_813),
  /** A secret that FreeRADIUS shows; any, 16 characters at least. */
  tokenFile: path,
  /** Hooks of strongSwan and pppd put their events here. */
  eventsDir: path.default('/run/drawbridge-gateway/events'),
  stateFile: path.default('/run/drawbridge-gateway/state.json'),
  /** Where pppd writes pppN.pid and radattr.pppN. */
  pppRunDir: path.default('/run'),
  filters: z
    .record(z.string(), filter)
    .superRefine((filters, context) => {
      for (const name of Object.keys(filters).filter((one) => !/^[A-Za-z0-9_.-]{1,60}$/.test(one))) {
        const message = 'has to be the value of a Filter-Id: letters, digits and . _ -';
        context.addIssue({ code: 'custom', path: [name], message });
      }
    })
    .default({
      'posture-full': 'open',
      'posture-restrict': { reach: [] },
      'posture-quarantine': { reach: [] },
    }),
  /** Seconds that pppd has to end by itself before it is killed. */
  graceSeconds: z.number().min(0.1).max(10).default(3),
});

/** Where FreeRADIUS takes Disconnect and CoA requests, which it hands to the helper. */
const coaSchema = z.strictObject({
  listen: address.default('127.0.0.1'),
  port: port.default(3_799),
  /** Who may send them: the posture servers. */
  clients: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z0-9_-]{1,60}$/, { message: 'has to be of letters, digits, _ and -' }),
        address: network,
        secretFile: path,
      }),
    )
    .min(1)
    .max(50),
});

/** The gateway's settings file. Relative paths count from its folder. */
export const gatewayConfigSchema = z
  .strictObject({
    /** Posture servers in the order in which they are asked. */
    servers: z.array(serverUrl).min(1).max(8),
    /** The authority that signed the servers' certificates. */
    caFile: path,
    /** Holds what `drawbridge-server token create --gateway NAME` printed. */
    credentialFile: path,
    timeouts: z
      .strictObject({ connectSeconds: waiting.default(1), answerSeconds: waiting.default(2) })
      .prefault({}),
    /** What FreeRADIUS does by itself while no server answers. */
    fallback: z
      .strictObject({
        then: z.enum(['restrict', 'reject']).default('restrict'),
        message: sentence.default('The posture server cannot be reached. Try again in a few minutes.'),
        restrict: restrictSchema.prefault({ filterId: 'posture-restrict' }),
        /** How long an "allow" may be repeated for the same user, place and peer; 0 for never. */
        lastKnownGoodMinutes: z.number().int().min(0).max(15).default(15),
      })
      .prefault({}),
    accounting: z
      .strictObject({
        /** `retry`: not acknowledged, the NAS sends again. `buffer`: kept on this disk and handed over later. */
        whenServerIsAway: z.enum(['retry', 'buffer']).default('retry'),
        bufferDir: path.default('/var/lib/freeradius/drawbridge'),
      })
      .prefault({}),
    helper: helperSchema.optional(),
    coa: coaSchema.optional(),
    freeradius: z
      .strictObject({
        /** Where the written files will lie when FreeRADIUS runs. */
        confdir: path.default('/etc/freeradius/drawbridge'),
        libdir: path.default('/usr/lib/freeradius'),
        runDir: path.default('/run/freeradius'),
        logDir: path.default('/var/log/freeradius'),
        /** Empty: FreeRADIUS stays the user that started it. */
        user: z
          .string()
          .regex(/^[a-z_][a-z0-9_-]{0,31}$/)
          .or(z.literal(''))
          .default('freerad'),
        listen: address.default('127.0.0.1'),
        authPort: port.default(1812),
        acctPort: port.default(1813),
        clients: z.array(radiusClient).max(200).default([]),
        users: userStore.default({ kind: 'files' }),
      })
      .prefault({}),
  })
  .refine(({ coa, helper }) => coa === undefined || helper !== undefined, {
    path: ['coa'],
    message: 'needs the helper, which does what is asked for: write a section `helper`',
  });

/** Paths of files that are read now are absolute. */
export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
export type HelperConfig = NonNullable<GatewayConfig['helper']>;
/** What a filter leaves reachable. */
export type Filter = 'open' | { reach: readonly string[] };

/** The settings in a text, with paths taken from `folder`; or one `file:line:column: message` per problem. */
export function parseGatewayConfig(text: string, file: string): Result<GatewayConfig, string> {
  const parsed = parseSettings(text, gatewayConfigSchema);
  if (!parsed.ok) return err(showProblems(file, parsed.error));
  return ok(withAbsolutePaths(parsed.value, dirname(resolve(file))));
}

/** Reads the settings file. The error is for a person and says what to do. */
export async function loadGatewayConfig(file: string): Promise<Result<GatewayConfig, string>> {
  try {
    return parseGatewayConfig(await readFile(file, 'utf8'), file);
  } catch (error) {
    const why = messageOf(error);
    const hint = isMissing(error) ? 'docs/gateway.md has an example.' : 'Run this as the owner of the file.';
    return err(`${file}: ${why}\n${hint}`);
  }
}

function withAbsolutePaths(config: GatewayConfig, folder: string): GatewayConfig {
  const from = (name: string) => (isAbsolute(name) ? name : join(folder, name));
  const clients = config.freeradius.clients.map((one) => ({ ...one, secretFile: from(one.secretFile) }));
  const { helper, coa } = config;
  return {
    ...config,
    ...(helper && { helper: { ...helper, tokenFile: from(helper.tokenFile) } }),
    ...(coa && {
      coa: { ...coa, clients: coa.clients.map((one) => ({ ...one, secretFile: from(one.secretFile) })) },
    }),
    caFile: from(config.caFile),
    credentialFile: from(config.credentialFile),
    freeradius: { ...config.freeradius, clients, users: usersFrom(config.freeradius.users, from) },
  };
}
