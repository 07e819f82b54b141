import { z } from 'zod';
import { nonce, ueid, uuid } from './ids.ts';
import { inventory } from './inventory.ts';
import { wireReadings } from './report.ts';
import { EAT_PROFILE } from './version.ts';

const time = z.iso.datetime();

const base = z.object({ seq: z.number().int().nonnegative(), dig: z.string().max(60) });

export type Base = z.infer<typeof base>;

/** A URI of ours or anybody's: checked for equality, never fetched. */
const urn = z.string().min(1).max(200);

/** EAT claims of a report (RFC 9711) with the private ones of our profile. Unknown members are ignored. */
export const reportClaims = z.object({
  iss: urn,
  aud: urn,
  /** Seconds since the epoch, by the agent's clock corrected with the server's `now`. */
  iat: z.number(),
  /** The report's id, made when it was collected: the same however often it is sent. */
  jti: uuid,
  eat_profile: z.literal(EAT_PROFILE),
  /** The connection's current nonce; an offline report has none. */
  eat_nonce: nonce.optional(),
  ueid,
  swname: z.literal('drawbridge'),
  swversion: z.tuple([z.string().max(50), z.literal('semver')]),
  /** Seconds since the operating system started. */
  uptime: z.number().nonnegative().optional(),
  /**
   * `full`: every reading; `delta`: those that differ from `base`; `heartbeat`: none, the process and its key are
   * alive; `offline`: every reading of a cycle more than 120 s ago: history, never makes a device fresh.
   */
  kind: z.enum(['full', 'delta', 'heartbeat', 'offline']),
  /** Rises with every frame of this device, also across restarts. */
  seq: z.number().int().positive(),
  /** Made anew at each start of the agent. */
  boot: nonce,
  /** The last acknowledged full or delta report, on which a delta or heartbeat builds. */
  base: base.optional(),
  /** Digest of the policy that the agent holds, or null. */
  cfg: z.string().max(60).nullable().default(null),
  collected_at: time,
  /** Where only a part was read anew, such as the VPN after an order: the time of the cycle that the rest is from. */
  facts_at: time.optional(),
  /** Reports that the spool lost for lack of room, since enrolment. */
  dropped: z.number().int().nonnegative().default(0),
  readings: wireReadings.optional(),
  /** In full reports, where the device knows it. No decision depends on it. */
  inventory: inventory.optional(),
});

export type ReportClaims = z.infer<typeof reportClaims>;
export type ReportKind = ReportClaims['kind'];
