import { uptime } from 'node:os';
import { iso } from '../base/clock.ts';
import { seal, TYP, type Signer } from '../wire/envelope.ts';
import type { Inventory } from '../wire/inventory.ts';
import { deviceUrn, serverUrn } from '../wire/ids.ts';
import type { SessionClaims } from '../wire/enrolment.ts';
import type { Base, ReportClaims, ReportKind } from '../wire/report-claims.ts';
import { sameSubstance, type WireReading } from '../wire/report.ts';
import { EAT_PROFILE } from '../wire/version.ts';
import type { Identity } from './enrolment.ts';
import type { WaitingReport } from './spool.ts';

export type WireReadings = Record<string, WireReading>;

/** What is the same in every frame of this run of the agent. */
export type Attester = {
  identity: Identity;
  /** Made anew at each start. */
  boot: string;
  version: string;
};

/** What one frame says. A heartbeat has no report; an offline report has neither nonce nor base. */
export type Statement = {
  kind: ReportKind;
  id: string;
  collectedAt: string;
  /** Where only a part was read anew: when the rest was. */
  factsAt: string | null;
  readings: WireReadings | null;
  seq: number;
  nonce: string | null;
  base: Base | null;
  /** Digest of the standing policy that the agent holds. */
  policy: string | null;
  dropped: number;
  /** Goes into full reports only. */
  inventory: Inventory | null;
  /** Corrected milliseconds. */
  now: number;
};

export function sealStatement(statement: Statement, attester: Attester, session: Signer): Promise<string> {
  const { kind, nonce, base, readings, inventory } = statement;
  const claims: ReportClaims = {
    iss: deviceUrn(attester.identity.device),
    aud: serverUrn(attester.identity.orderRoot),
    iat: Math.floor(statement.now / 1_000),
    jti: statement.id,
    eat_profile: EAT_PROFILE,
    ...(nonce === null ? {} : { eat_nonce: nonce }),
    ueid: attester.identity.ueid,
    swname: 'drawbridge',
    swversion: [attester.version, 'semver'],
    uptime: Math.floor(uptime()),
    kind,
    seq: statement.seq,
    boot: attester.boot,
    ...(base === null ? {} : { base }),
    cfg: statement.policy,
    collected_at: statement.collectedAt,
    ...(statement.factsAt === null ? {} : { facts_at: statement.factsAt }),
    dropped: statement.dropped,
    ...(readings === null ? {} : { readings }),
    ...(kind === 'full' && inventory !== null ? { inventory } : {}),
  };
  return seal(TYP.report, claims, session);
}

/** Opens a connection: binds the session's key to the server's nonce, under the report key. */
export function sealSession(
  nonce: string,
  version: number,
  now: number,
  { identity, boot, version: swversion }: Attester,
  signers: { report: Signer; session: Signer },
): Promise<string> {
  const claims: SessionClaims = {
    iss: deviceUrn(identity.device),
    aud: serverUrn(identity.orderRoot),
    iat: Math.floor(now / 1_000),
    eat_nonce: nonce,
    boot,
    cnf: { jwk: signers.session.jwk },
    version,
    swversion,
  };
  return seal(TYP.session, claims, signers.report);
}

/** A heartbeat's part of a statement. */
export function heartbeat(
  id: string,
  now: number,
): Pick<Statement, 'kind' | 'id' | 'collectedAt' | 'factsAt' | 'readings'> {
  return { kind: 'heartbeat', id, collectedAt: iso(now), factsAt: null, readings: null };
}

/** What a delta shows: what has changed, and what alone was read anew, since nothing else says when that was. */
export function deltaOf(before: WireReadings, report: WaitingReport): WireReadings {
  const vpn = report.readings['vpn-client'];
  const anew = report.factsAt === undefined || vpn === undefined ? {} : { 'vpn-client': vpn };
  return { ...changedSince(before, report), ...anew };
}

/** The readings of `report` that say something else than those that the server has. */
export function changedSince(before: WireReadings, report: WaitingReport): WireReadings {
  const entries = Object.entries(report.readings).filter(([id, reading]) => {
    const known = before[id];
    return known?.v !== reading.v || !sameSubstance(known, reading);
  });
  return Object.fromEntries(entries);
}
