import { z } from 'zod';
import { parseToken } from '../wire/token.ts';
import { gatewayName } from '../wire/vpn.ts';
import { keyStoreKind } from './key-choice.ts';
import { settingWords } from './setting-words.ts';

/** What a policy's text box takes. */
const MAX_TEXT = 1_023;

const httpsUrl = z
  .url({ protocol: /^https$/, error: 'has to be an https:// address' })
  .max(MAX_TEXT)
  .refine((text) => URL.canParse(text) && new URL(text).username === '', {
    message: 'must not hold a user name or password',
  });

const proxyUrl = z
  .url({ protocol: /^https?$/, error: 'has to be an http:// or https:// address' })
  .max(MAX_TEXT);

const path = z
  .string()
  .min(1)
  .max(MAX_TEXT)
  .refine((text) => !/[\p{Cc}\uFFFD]/u.test(text), {
    message: 'has characters in it that could not be read',
  });

const server = z.strictObject({
  url: httpsUrl.optional().register(settingWords, {
    title: { en: 'Server: address', de: 'Server: Adresse' },
    about: {
      en: 'outranks the address that the device was enrolled with, for a server that has moved',
      de: 'geht der Adresse vor, mit der das Gerät angemeldet wurde; für einen Server, der umgezogen ist',
    },
    without: { en: 'from enrolment', de: 'die der Anmeldung' },
  }),
  caFile: path.optional().register(settingWords, {
    title: { en: 'Server: additional authority', de: 'Server: weitere Zertifizierungsstelle' },
    about: {
      en: "PEM file of an authority to trust besides the system's, such as that of a company's TLS proxy",
      de: 'PEM-Datei einer Zertifizierungsstelle, der neben denen des Systems vertraut wird, etwa der des TLS-Proxys der Firma',
    },
    without: { en: 'none', de: 'keine' },
  }),
  proxy: z
    .union([z.enum(['auto', 'none']), proxyUrl])
    .default('auto')
    .register(settingWords, {
      title: { en: 'Server: proxy', de: 'Server: Proxy' },
      about: {
        en: '`auto` follows `HTTPS_PROXY` and `NO_PROXY`; `none`; or an address',
        de: '`auto` folgt `HTTPS_PROXY` und `NO_PROXY`; `none` für keinen; oder eine Adresse',
      },
    }),
  transport: z
    .enum(['auto', 'websocket', 'https'])
    .default('auto')
    .register(settingWords, {
      title: { en: 'Server: transport', de: 'Server: Übertragung' },
      about: {
        en: '`auto` takes WebSocket, and HTTPS where only that gets through; `websocket`; `https`',
        de: '`auto` nimmt WebSocket, und HTTPS, wo nur das durchkommt; `websocket`; `https`',
      },
    }),
});

const stateDir = path.optional().register(settingWords, {
  title: { en: 'State folder', de: 'Zustandsordner' },
  about: {
    en: 'keys, spool, journal of orders',
    de: 'Schlüssel, wartende Berichte, Journal der Anordnungen',
  },
  without: {
    en: '`/var/lib/drawbridge` as root, `~/.local/state/drawbridge` otherwise',
    de: '`/var/lib/drawbridge` als root, sonst `~/.local/state/drawbridge`',
  },
  local: true,
});

const budget = z.strictObject({
  cpuPercent: z
    .number()
    .min(0.1)
    .max(100)
    .default(2)
    .register(settingWords, {
      title: { en: 'Reading: processor budget', de: 'Erfassen: Anteil am Prozessor' },
      about: {
        en: 'what reading may cost, in per cent of one processor over ten minutes; above it everything is read less often, down to an eighth',
        de: 'was das Erfassen kosten darf, in Prozent eines Prozessors über zehn Minuten; darüber wird alles seltener erfasst, bis zu einem Achtel',
      },
    }),
  rssMiB: z
    .number()
    .int()
    .min(64)
    .max(4_096)
    .default(200)
    .register(settingWords, {
      title: { en: 'Reading: memory budget', de: 'Erfassen: Anteil am Speicher' },
      about: {
        en: 'the same for memory, in MiB',
        de: 'dasselbe für den Speicher, in MiB',
      },
    }),
});

const collect = z.strictObject({
  everySeconds: z
    .number()
    .int()
    .min(10)
    .max(86_400)
    .default(300)
    .register(settingWords, {
      title: { en: 'Reading: interval', de: 'Erfassen: Abstand' },
      about: {
        en: 'how often everything is read, in seconds; a change is reported at once',
        de: 'wie oft alles erfasst wird, in Sekunden; eine Änderung wird sofort gemeldet',
      },
    }),
  updatesEverySeconds: z
    .number()
    .int()
    .min(600)
    .max(604_800)
    .default(21_600)
    .register(settingWords, {
      title: { en: 'Reading: interval for Windows Update', de: 'Erfassen: Abstand für Windows Update' },
      about: {
        en: 'how often Windows’ update service is asked, in seconds',
        de: 'wie oft der Updatedienst von Windows gefragt wird, in Sekunden',
      },
    }),
  budget: budget.prefault({}),
});

const vpn = z.strictObject({
  mode: z
    .enum(['auto', 'enforce', 'observe'])
    .default('auto')
    .register(settingWords, {
      title: { en: 'VPN: mode', de: 'VPN: Modus' },
      about: {
        en: 'whether orders touch the VPN. `auto`: on Linux as root; elsewhere only what is there is looked at (`observe`), and orders are answered as not implemented. `enforce`; `observe`',
        de: 'ob Anordnungen das VPN anfassen. `auto`: unter Linux als root; sonst wird nur angesehen, was da ist (`observe`), und Anordnungen werden als nicht umgesetzt beantwortet. `enforce`; `observe`',
      },
    }),
  allowedGateways: z
    .array(gatewayName)
    .max(64)
    .optional()
    .register(settingWords, {
      title: { en: 'VPN: allowed gateways', de: 'VPN: erlaubte Gateways' },
      about: {
        en: 'names or addresses to which an order may set a profile: this outranks the server',
        de: 'Namen oder Adressen, auf die eine Anordnung ein Profil einstellen darf: das geht dem Server vor',
      },
      without: { en: 'any', de: 'jedes' },
      strictest: [],
    }),
});

const tray = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .register(settingWords, {
      title: { en: 'Tray: shown to users', de: 'Statussymbol: für Benutzer' },
      about: {
        en: 'whether the users of this computer see how it stands and can ask for a check',
        de: 'ob die Benutzer dieses Computers sehen, wie es um ihn steht, und eine Prüfung verlangen können',
      },
    }),
  folder: path.optional().register(settingWords, {
    title: { en: 'Tray: folder of sockets', de: 'Statussymbol: Ordner der Sockets' },
    about: {
      en: 'where each user’s own socket lies; the service’s own place unless this is another agent',
      de: 'wo der Socket jedes Benutzers liegt; der Ort des Dienstes, außer dies ist ein anderer Agent',
    },
    without: {
      en: '`/run/drawbridge` (macOS `/var/run/drawbridge`) for the service, `tray` in the state folder otherwise',
      de: '`/run/drawbridge` (macOS `/var/run/drawbridge`) für den Dienst, sonst `tray` im Zustandsordner',
    },
  }),
});

const spool = z.strictObject({
  maxReports: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(500)
    .register(settingWords, {
      title: { en: 'Waiting reports: number', de: 'Wartende Berichte: Anzahl' },
      about: {
        en: 'what is kept while the server is away; beyond it the oldest is dropped, counted and said in the next report',
        de: 'was bleibt, solange der Server fehlt; darüber wird der älteste verworfen, gezählt und im nächsten Bericht genannt',
      },
    }),
  maxBytes: z
    .number()
    .int()
    .min(65_536)
    // What a number in Windows' registry holds.
    .max(2 ** 32 - 1)
    .default(16 * 1024 * 1024)
    .register(settingWords, {
      title: { en: 'Waiting reports: bytes', de: 'Wartende Berichte: Bytes' },
      about: { en: 'the same in bytes', de: 'dasselbe in Bytes' },
    }),
});

const log = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .register(settingWords, {
      title: { en: 'Log: level', de: 'Protokoll: Stufe' },
      about: { en: 'how much the agent’s log says', de: 'wie viel das Protokoll des Agenten sagt' },
    }),
});

/** The agent's settings file. Everything has a default: an empty file is a complete one. */
export const configSchema = z.strictObject({
  server: server.prefault({}),
  stateDir,
  collect: collect.prefault({}),
  vpn: vpn.prefault({}),
  tray: tray.prefault({}),
  spool: spool.prefault({}),
  keyStore: z
    .enum(['auto', ...keyStoreKind.options])
    .default('auto')
    .register(settingWords, {
      title: { en: 'Key store', de: 'Schlüsselspeicher' },
      about: {
        en: 'where new keys are made, the best that this computer has when it enrols or one by name',
        de: 'wo neue Schlüssel entstehen: im besten Speicher, den dieser Computer beim Anmelden hat, oder in einem bestimmten',
      },
    }),
  tpm: z
    .string()
    .regex(/^(device:\/dev\/tpmrm\d{1,2}|swtpm:host=127\.0\.0\.1,port=\d{1,5})$/, {
      error: 'has to be device:/dev/tpmrm0 or another of the kernel’s resource managers',
    })
    .default('device:/dev/tpmrm0')
    .register(settingWords, {
      title: { en: 'TPM', de: 'TPM' },
      about: {
        en: 'how tpm2-tools reach the TPM; a simulator on loopback is for tests',
        de: 'wie die tpm2-tools das TPM erreichen; ein Simulator auf dem eigenen Rechner ist für Tests',
      },
    }),
  log: log.prefault({}),
});

export type AgentConfig = z.infer<typeof configSchema>;

/** What device management alone can say, beside the settings. */
export const managedOnlySchema = z.strictObject({
  enrolment: z
    .strictObject({
      url: httpsUrl.optional().register(settingWords, {
        title: { en: 'Enrolment: address', de: 'Anmeldung: Adresse' },
        about: {
          en: 'the server with which a computer enrols by itself, unless it is enrolled already',
          de: 'der Server, bei dem sich ein Computer von selbst anmeldet, wenn er es noch nicht ist',
        },
        without: { en: 'a person enrols it', de: 'ein Mensch meldet ihn an' },
      }),
      token: z
        .string()
        .max(MAX_TEXT)
        .refine((text) => parseToken(text).ok, { message: 'is not an enrolment token' })
        .optional()
        .register(settingWords, {
          title: { en: 'Enrolment: token', de: 'Anmeldung: Token' },
          about: {
            en: 'the fleet’s token. Every user of the computer can read what management sets: take one that is tied to serial numbers and ends soon',
            de: 'das Token der Flotte. Jeder Benutzer des Computers kann lesen, was die Verwaltung vorgibt: eines nehmen, das an Seriennummern gebunden ist und bald endet',
          },
          without: { en: 'a person enrols it', de: 'ein Mensch meldet ihn an' },
        }),
    })
    .prefault({}),
});
