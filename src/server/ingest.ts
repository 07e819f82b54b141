import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Decision } from '../wire/decision.ts';
import { digest } from '../wire/ids.ts';
import type { Refusal } from '../wire/refusal.ts';
import { acceptReport, type Acceptance } from './accept-report.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import { isNews, type Judging, type News } from './judge-device.ts';
import type { Metrics } from './metrics.ts';
import type { Nonces } from './nonces.ts';
import { NotAdvanced, recordReport, type Recording } from './record-report.ts';
import { StoreUnavailable, type Store } from './store/store.ts';
import { verifyReport, type Evident, type Refused, type Session } from './verify-report.ts';

export type Acknowledged = { id: string; seq: number; dig: string; decision: Decision | null };
/** `seqMin`: the highest number used so far, where that is the matter. */
export type NotAcknowledged = Refused & { seqMin: number | null };

export type Ingest = {
  /** Resolves once what is acknowledged is on disk. Never rejects. */
  report(
    jws: string,
    from: { session: Session; nonces: Nonces },
  ): Promise<Result<Acknowledged, NotAcknowledged>>;
};

export type IngestParts = {
  store: Store;
  fleet: Fleet;
  clock: Clock;
  /** The server's own urn. */
  audience: string;
  terms: () => Judging;
  metrics: Metrics;
  log: Logger;
  /** Called after the commit of a judgement that is any news. */
  decided: (state: DeviceState, news: News) => void;
  /** Called after the commit of a report that says something about the device. */
  observed: (state: DeviceState) => void;
  /** Called after every report that was taken, with the device as it is now. */
  heard: (state: DeviceState) => void;
};

export function createIngest(parts: IngestParts): Ingest {
  const { fleet, clock, audience, metrics } = parts;
  return {
    async report(jws, { session, nonces }) {
      const evident = await verifyReport(jws, { session, nonces, audience, now: clock.now() });
      if (!evident.ok) return refuse(metrics, { ...evident.error, seqMin: null });
      const { jti } = evident.value;
      const answer = await fleet.exclusively(session.device, () =>
        take(parts, session.device, evident.value, jws),
      );
      return answer.ok ? answer : refuse(metrics, { ...answer.error, id: jti });
    },
  };
}

function refuse(metrics: Metrics, refused: NotAcknowledged): Result<never, NotAcknowledged> {
  metrics.refused(refused.code);
  return err(refused);
}

type Taken = Result<Acknowledged, { code: Refusal; seqMin: number | null }>;

/** From here on nothing else happens to the device until we are done. */
async function take(parts: IngestParts, device: string, evident: Evident, jws: string): Promise<Taken> {
  const { fleet, clock } = parts;
  try {
    const before = await fleet.get(device);
    if (before === null) return err({ code: 'revoked', seqMin: null });
    const dig = digest(jws);
    const accepted = acceptReport(before, evident, dig, clock.now());
    if (!accepted.ok) return err({ code: accepted.error, seqMin: before.seq });
    const recording = await record(parts, before, accepted.value);
    if (recording.outcome === 'conflict') return err({ code: 'report_conflict', seqMin: before.seq });
    const decision = recording.state.decision?.decision ?? null;
    return ok({ id: evident.jti, seq: evident.seq, dig, decision });
  } catch (error) {
    return err({ code: refusalOf(error, parts.log), seqMin: null });
  }
}

async function record(parts: IngestParts, before: DeviceState, accepted: Acceptance): Promise<Recording> {
  const { store, fleet, clock, metrics } = parts;
  const now = clock.now();
  try {
    const recording = await store.write((db) => recordReport(db, before, accepted, parts.terms(), now));
    fleet.put(recording.state);
    metrics.reported(accepted.claims.kind, recording.outcome);
    if (isNews(recording.news)) parts.decided(recording.state, recording.news);
    if (accepted.content !== null) parts.observed(recording.state);
    parts.heard(recording.state);
    return recording;
  } catch (error) {
    // Somebody else wrote to this device: what we hold of it is not to be built on.
    if (error instanceof NotAdvanced) fleet.forget(before.id);
    throw error;
  }
}

/** Whatever went wrong, nothing was stored: the device is asked to send again. */
function refusalOf(error: unknown, log: Logger): Refusal {
  if (error instanceof NotAdvanced) return 'seq_replayed';
  if (error instanceof StoreUnavailable) log.warn({ err: error }, 'report not stored');
  else log.error({ err: error }, 'report could not be taken');
  return 'store_unavailable';
}
