import { z } from 'zod';
import { PLATFORMS } from '../../collectors/check.ts';
import { isCheckId, type CheckId } from '../../collectors/specs.ts';
import { onDemand } from '../base/on-demand.ts';
import { ACCESS, judgedId, MODES, reasonCode, risk } from './decision.ts';

/**
 * What a user's tray and the agent say to each other over that user's own socket: JSON, one object a line. The tray
 * names closed words only, never a path, a command or a setting. Which user asks is known by the socket that accepted.
 */

/** Bytes of one line: of a request, and of an answer. */
export const MAX_REQUEST = 1_024;
export const MAX_ANSWER = 262_144;

const time = z.iso.datetime();
const words = z.string().max(1_000);

/** What a user can have done for them by one click that names the change; whether it is offered is the policy's. */
export const FIX_IDS = ['firewall-on', 'antivirus-start', 'begin-update'] as const;
export type FixId = (typeof FIX_IDS)[number];

/** By which means: the words for people are chosen by it, so that they name the very change. */
export const FIX_MEANS = [
  'ufw',
  'firewalld',
  'nftables',
  'windows-firewall',
  'macos-firewall',
  'clamav',
  'falcon',
  'mdatp',
  'sentinelone',
  'apt',
  'dnf',
] as const;
export type FixMeans = (typeof FIX_MEANS)[number];

/** Hours for which reminders can be put off: never past the deadline, whatever is asked for. */
export const SNOOZE_HOURS = [1, 4, 24] as const;
export type SnoozeHours = (typeof SNOOZE_HOURS)[number];

const checkId = z.custom<CheckId>((value) => typeof value === 'string' && isCheckId(value), 'not a check');

/** Chosen by the asker, the same in the answer. */
const id = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);

export const trayRequest = z.discriminatedUnion('verb', [
  /** With `watch`, every later change is an answer with the same id. */
  z.strictObject({ id, verb: z.literal('status'), watch: z.boolean().default(false) }),
  /** Reads one check, or all, anew; answered when that is judged and, where there is a connection, reported. */
  z.strictObject({ id, verb: z.literal('recheck'), check: checkId.optional() }),
  z.strictObject({ id, verb: z.literal('snooze'), hours: z.literal(SNOOZE_HOURS) }),
  /** Refused while the VPN is held or access is denied. */
  z.strictObject({ id, verb: z.literal('reconnect') }),
  z.strictObject({ id, verb: z.literal('fix'), fix: z.enum(FIX_IDS) }),
]);

export type TrayRequest = z.infer<typeof trayRequest>;
export type TrayVerb = TrayRequest['verb'];
type WithoutId<R> = R extends unknown ? Omit<R, 'id'> : never;
/** A request without its id, which the tray's client chooses. */
export type TrayAsk = WithoutId<z.input<typeof trayRequest>>;

/**
 * - `green`: all is well, and that is known
 * - `amber`: something is to be mended; access is as usual
 * - `red`: access is affected
 * - `grey`: nobody knows
 */
export const COLOURS = ['green', 'amber', 'red', 'grey'] as const;
export type Colour = (typeof COLOURS)[number];

/** Why the colour is what it is: one word for programs and for the texts in each language. */
export const COLOUR_REASONS = [
  // grey
  'agent-unreachable',
  'starting',
  'not-enrolled',
  'pending',
  'server-silent',
  'unknown',
  // red
  'access-paused',
  'access-limited',
  'vpn-held',
  'isolated',
  // amber
  'deadline',
  'advice',
  // green
  'good',
  'observed',
  'break-glass',
] as const;
export type ColourReason = (typeof COLOUR_REASONS)[number];

const colour = z.object({ colour: z.enum(COLOURS), because: z.enum(COLOUR_REASONS) });
export type Coloured = z.infer<typeof colour>;

/** One thing that is not as it should be. */
const trayProblem = () =>
  z.object({
    check: judgedId,
    reason: reasonCode,
    level: z.enum(['warn', 'fail', 'unknown']),
    /** Short phrases that complete "expected … , found …". */
    expected: words,
    given: words,
    /** The whole in one English sentence: for a reason whose texts are not known here. */
    sentence: words,
    since: time.nullable(),
    /** Until when it can be mended without any consequence; null: no such time. */
    deadline: time.nullable(),
    /** What access becomes at the deadline if nothing changes; null where that is not known here. */
    then: z.enum(ACCESS).nullable(),
    /** One-click fixes that are offered for it here and now. */
    fixes: z.array(z.object({ fix: z.enum(FIX_IDS), means: z.enum(FIX_MEANS) })).max(FIX_IDS.length),
    /** Until when its reminders are put off. */
    snoozedUntil: time.nullable(),
    /** Whether reading it again can change anything: what only the server sees cannot. */
    mayRecheck: z.boolean(),
  });

export type TrayProblem = z.infer<ReturnType<typeof trayProblem>>;

/**
 * Whether the VPN can be asked to come up.
 * - `possible`: the `reconnect` verb will be tried
 * - `connected`: it is up or coming up
 * - `held`: somebody holds it down, see `held`
 * - `denied`: the server has decided so
 * - `no-profile`: this computer has no L2TP connection
 * - `unsupported`: on this system its own VPN settings are the way
 */
export const RECONNECT = ['possible', 'connected', 'held', 'denied', 'no-profile', 'unsupported'] as const;
export type Reconnect = (typeof RECONNECT)[number];

const trayVpn = () =>
  z.object({
    driver: words,
    live: z.boolean(),
    isolated: z.boolean(),
    /** Who holds it down: an order of the server, the device's own judgement, an isolation. */
    held: z
      .array(
        z.object({
          cause: z.enum(['server', 'standing', 'contain']),
          reason: words,
          since: time,
          until: time.nullable(),
        }),
      )
      .max(3),
    reconnect: z.enum(RECONNECT),
  });

export type TrayVpn = z.infer<ReturnType<typeof trayVpn>>;

/** What was decided about this device, and by whom: the server, or (not enrolled) nobody but the device itself. */
const trayDecision = () =>
  z.object({
    access: z.enum(ACCESS),
    reason: reasonCode,
    sentence: words,
    since: time,
    until: time,
    mode: z.enum(MODES),
  });

const trayAgent = () =>
  z.object({
    version: z.string().max(100),
    startedAt: time,
    /** The server's address; null before enrolment. */
    server: words.nullable(),
    device: z.string().max(200).nullable(),
    enrolment: z.enum(['none', 'requested', 'pending', 'enrolled']),
    connected: z.boolean(),
    /** Since when it is connected, or is not. */
    connectionSince: time,
    /** Why there is no connection, in words; null where there is one. */
    offline: words.nullable(),
    lastReportAt: time.nullable(),
    /** When the server was last heard. */
    lastAckAt: time.nullable(),
  });

/** What this computer is, for steps that fit it exactly. */
const trayDevice = () =>
  z.object({
    platform: z.enum(PLATFORMS),
    /** windows-client, macos, or the ID of os-release such as ubuntu; null until it was read. */
    family: z.string().max(100).nullable(),
    version: z.string().max(100).nullable(),
    build: z.string().max(100).nullable(),
    /** As people know it, such as `Ubuntu 24.04.1 LTS`. */
    display: z.string().max(200).nullable(),
  });

export type TrayDevice = z.infer<ReturnType<typeof trayDevice>>;

/** Changes of colour that are told of at most. */
export const MAX_DAYS = 200;
const MAX_PROBLEMS = 64;

export const trayStatus = onDemand(() =>
  z.object({
    /** When this was so, by the agent's (corrected) clock. */
    at: time,
    ...colour.shape,
    decision: trayDecision().nullable(),
    /** The device's own judgement; null before the first report. */
    risk: risk.nullable(),
    /** What is to be mended, the first one first. */
    problems: z.array(trayProblem()).max(MAX_PROBLEMS),
    /** The policy is only observed, so far: nobody is to be notified of anything. */
    quiet: z.boolean(),
    /** Null where this agent has no hand in a VPN. */
    vpn: trayVpn().nullable(),
    agent: trayAgent(),
    device: trayDevice(),
    /** Changes of colour, the oldest first. */
    days: z.array(z.object({ at: time, ...colour.shape })).max(MAX_DAYS),
    /** What is read on this computer, check by check, in the check's own sentence. */
    collected: z.array(z.object({ check: checkId, sentence: words })).max(64),
  }),
);

export type TrayStatus = z.infer<ReturnType<typeof trayStatus>>;

/** Why a request was not met. */
export const TRAY_REFUSALS = [
  /** Not a request at all; the connection ends. */
  'malformed',
  'rate-limited',
  /** Too many are being answered at once. */
  'busy',
  /** The policy does not allow it, or it is not offered here and now. */
  'not-offered',
  /** The VPN is held, or access is denied. */
  'held',
  /** There is nothing to put off. */
  'nothing-to-snooze',
  'unsupported',
  'timeout',
  'failed',
] as const;
export type TrayRefusal = (typeof TRAY_REFUSALS)[number];

/** `text` is a sentence for people where there is more to say than the status shows, such as what a fix has done. */
export const trayAnswer = onDemand(() =>
  z.discriminatedUnion('ok', [
    z.object({ id, ok: z.literal(true), status: trayStatus(), text: words.nullable().default(null) }),
    /** Null: not even the id could be read. */
    z.object({ id: id.nullable(), ok: z.literal(false), code: z.enum(TRAY_REFUSALS), text: words }),
  ]),
);

export type TrayAnswer = z.infer<ReturnType<typeof trayAnswer>>;
