import { z } from 'zod';
import { replaceSoon } from '../base/atomic-file.ts';
import { iso, type Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { decision, risk, verdict } from '../wire/decision.ts';
import { inventory } from '../wire/inventory.ts';
import { createBell, type Bell } from './bell.ts';
import { CAUSES } from './holders.ts';

const time = z.iso.datetime();

/** Why there is no connection, for programs; `detail` is the sentence for people. */
export const OFFLINE_REASONS = [
  'starting',
  'not-enrolled',
  'keys',
  'connecting',
  'unreachable',
  'certificate',
  'clock',
  'refused',
  'failed',
  'stopped',
] as const;

export type OfflineReason = (typeof OFFLINE_REASONS)[number];

const connection = () =>
  z.discriminatedUnion('state', [
    z.object({ state: z.literal('connected'), since: time, transport: z.enum(['websocket', 'https']) }),
    z.object({
      state: z.literal('offline'),
      since: time,
      because: z.enum(OFFLINE_REASONS),
      /** The server's code, where it was the server who refused. */
      code: z.string().nullable(),
      detail: z.string(),
    }),
  ]);

/** How the agent's hold on the VPN stands. */
const vpnStatus = () =>
  z.object({
    /** What is driven, in words; `none` where no VPN client was found. */
    driver: z.string(),
    /** Why orders do not touch the VPN; null where they do. */
    observing: z.string().nullable(),
    block: z.enum(['holding', 'none', 'unknown']).nullable(),
    live: z.boolean(),
    interfaces: z.array(z.string()),
    isolated: z.boolean(),
    holders: z.array(
      z.object({ cause: z.enum(CAUSES), since: time, until: time.nullable(), reason: z.string() }),
    ),
    /** Why the VPN is not in the state that is wanted, or null. */
    problem: z.string().nullable(),
    lastOrder: z
      .object({
        id: z.string(),
        action: z.string(),
        target: z.string(),
        phase: z.enum(['received', 'acting', 'done']),
        status: z.number().nullable(),
        text: z.string().nullable(),
        at: time.nullable(),
      })
      .nullable(),
  });

export type VpnStatus = z.infer<ReturnType<typeof vpnStatus>>;

/** The VPN certificate that the device holds. */
const certificateStatus = () =>
  z.object({
    serial: z.string().nullable(),
    notBefore: time.nullable(),
    notAfter: time.nullable(),
    /** From when on the next one is asked for. */
    renewAt: time.nullable(),
    /** Whether this computer's VPN software has it. */
    installed: z.boolean(),
    /** Told by an order to do without. */
    dropped: z.boolean(),
    /** Why there is none, or not where it belongs. */
    problem: z.string().nullable(),
  });

export type CertificateStatus = z.infer<ReturnType<typeof certificateStatus>>;

/** What the running agent tells everybody on this machine: no secret, no reading. Times are the corrected clock's. */
export const statusSchema = () =>
  z.object({
    version: z.string(),
    pid: z.number().int(),
    startedAt: time,
    updatedAt: time,
    server: z.string().nullable(),
    device: z.string().nullable(),
    enrolment: z.enum(['none', 'requested', 'pending', 'enrolled']),
    connection: connection(),
    lastReportAt: time.nullable(),
    lastAckAt: time.nullable(),
    nextCollectionAt: time.nullable(),
    /** The server's. */
    decision: decision.nullable(),
    /** The device's own judgement, by the standing policy or the default one. */
    risk: risk.nullable(),
    firstToFix: verdict.nullable(),
    spool: z.object({
      reports: z.number().int(),
      bytes: z.number().int(),
      dropped: z.number().int(),
      problem: z.string().nullable(),
    }),
    keyProtection: z.enum(['tpm', 'os-keystore', 'file']).nullable(),
    /** Milliseconds by which this computer's clock is behind the server's. */
    clockOffsetMs: z.number(),
    crashes: z.number().int(),
    /** How often is read, and what that costs; null before the first reading. */
    pace: z
      .object({
        /** The configured interval is multiplied by this; above 1, reading costs more than its budget allows. */
        stretch: z.number().int(),
        over: z.enum(['cpu', 'memory']).nullable(),
        cpuPercent: z.number(),
        rssMiB: z.number(),
      })
      .nullable()
      .default(null),
    inventory: inventory.nullable().default(null),
    vpn: vpnStatus().nullable().default(null),
    /** Null where no certificate is kept. */
    certificate: certificateStatus().nullable().default(null),
    /** What device management has set, by name, and what of it makes no sense; null where nothing is managed. */
    managed: z
      .object({ source: z.string(), settings: z.array(z.string()), problems: z.array(z.string()) })
      .nullable()
      .default(null),
    /** Until when the standing policy that is held is in force, or was; null before the first. */
    standingUntil: time.nullable().default(null),
  });

export type Status = z.infer<ReturnType<typeof statusSchema>>;
export type Connection = Status['connection'];

/** Holds what the status file says. */
export type StatusBoard = {
  readonly current: Status;
  /** Rings after each update. */
  readonly changed: Bell<void>;
  /** Takes effect at once in `current`, and in the file shortly after. */
  update(change: Partial<Status>): void;
  /** Puts the last change into the file now. */
  flush(): void;
};

/** Milliseconds in which changes are gathered into one write. */
const GATHER_MS = 200;

export function createStatusBoard(path: string, first: Status, clock: Clock, log: Logger): StatusBoard {
  let current = first;
  let timer: NodeJS.Timeout | undefined;
  const changed = createBell<void>();
  const write = () => {
    timer = undefined;
    try {
      // Readable by everybody: `drawbridge status` and the tray need no rights.
      replaceSoon(path, `${JSON.stringify(current, null, 2)}\n`, 0o644);
    } catch (error) {
      log.debug({ err: error }, 'status file could not be written');
    }
  };
  return {
    get current() {
      return current;
    },
    changed,
    update(change) {
      current = { ...current, ...change, updatedAt: iso(clock.now()) };
      timer ??= setTimeout(write, GATHER_MS).unref();
      changed.ring();
    },
    flush() {
      clearTimeout(timer);
      write();
    },
  };
}
