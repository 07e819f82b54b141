import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isMissing } from '../base/atomic-file.ts';
import { err, ok, type Result } from '../base/result.ts';
import { parseSettings, showProblems } from '../base/settings.ts';
import { gatewayName } from '../wire/vpn.ts';
import { keyStoreKind } from './key-choice.ts';

const httpsUrl = z
  .url({ protocol: /^https$/, error: 'has to be an https:// address' })
  .refine((text) => URL.canParse(text) && new URL(text).username === '', {
    message: 'must not hold a user name or password',
  });

const proxyUrl = z.url({ protocol: /^https?$/, error: 'has to be an http:// or https:// address' });

/** The agent's settings file. Everything has a default: an empty file is a complete one. */
export const configSchema = z.strictObject({
  server: z
    .strictObject({
      /** Outranks the address that the device was enrolled with: for a server that has moved. */
      url: httpsUrl.optional(),
      /** PEM file of an authority to trust besides the system's, such as that of a company's TLS proxy. */
      caFile: z.string().min(1).optional(),
      /** `auto` follows HTTPS_PROXY and NO_PROXY. */
      proxy: z.union([z.enum(['auto', 'none']), proxyUrl]).default('auto'),
      /** `auto` takes WebSocket, and HTTPS requests where only those get through. */
      transport: z.enum(['auto', 'websocket', 'https']).default('auto'),
    })
    .prefault({}),
  stateDir: z.string().min(1).optional(),
  collect: z
    .strictObject({
      everySeconds: z.number().int().min(10).max(86_400).default(300),
      /** How often Windows' update service is asked, which may take minutes. */
      updatesEverySeconds: z.number().int().min(600).max(604_800).default(21_600),
      /** What reading may cost; where it costs more, everything is read less often, down to an eighth. */
      budget: z
        .strictObject({
          /** Per cent of one processor, averaged over ten minutes. */
          cpuPercent: z.number().min(0.1).max(100).default(2),
          rssMiB: z.number().int().min(64).max(4_096).default(200),
        })
        .prefault({}),
    })
    .prefault({}),
  vpn: z
    .strictObject({
      /** `auto` obeys where that was tried on the real system, and observes elsewhere and without root. */
      mode: z.enum(['auto', 'enforce', 'observe']).default('auto'),
      /** Gateways that an order may set a profile to; without it, any. It outranks the server. */
      allowedGateways: z.array(gatewayName).max(64).optional(),
    })
    .prefault({}),
  /** What the users of this computer see and can ask for. */
  tray: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Where the users' sockets lie; the service's own place unless this is another agent. */
      folder: z.string().min(1).optional(),
    })
    .prefault({}),
  spool: z
    .strictObject({
      maxReports: z.number().int().min(1).max(100_000).default(500),
      maxBytes: z
        .number()
        .int()
        .min(65_536)
        .max(2 ** 32)
        .default(16 * 1024 * 1024),
    })
    .prefault({}),
  /** `auto` takes the best that this computer has when it enrols. */
  keyStore: z.enum(['auto', ...keyStoreKind.options]).default('auto'),
  /** How the TPM is reached, as tpm2-tools say it; a simulator is for tests. */
  tpm: z
    .string()
    .regex(/^(device:\/dev\/tpmrm\d{1,2}|swtpm:host=127\.0\.0\.1,port=\d{1,5})$/, {
      error: 'has to be device:/dev/tpmrm0 or another of the kernel’s resource managers',
    })
    .default('device:/dev/tpmrm0'),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    })
    .prefault({}),
});

export type AgentConfig = z.infer<typeof configSchema>;

/** The settings in a text, or one `file:line:column: message` per problem. */
export function parseConfig(text: string, file: string): Result<AgentConfig, string> {
  const parsed = parseSettings(text, configSchema);
  return parsed.ok ? parsed : err(showProblems(file, parsed.error));
}

/** Reads a settings file; a missing one means defaults only where `optional` says so. The error is for a person. */
export async function loadConfig(file: string, optional: boolean): Promise<Result<AgentConfig, string>> {
  try {
    return parseConfig(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (optional && isMissing(error)) return ok(configSchema.parse({}));
    return err(`${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}
