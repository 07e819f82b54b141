import { isOutdated, type Terms } from '../decide.ts';
import type { DeviceState } from '../device-state.ts';
import type { CertificateRefusal } from './refusals.ts';

/**
 * Why a device gets no certificate now; null where it does: it is one of ours, its decision lets it in with everything,
 * and that decision rests on what the device has said lately. Pure.
 */
export function refusalFor(state: DeviceState | null, terms: Terms, now: number): CertificateRefusal | null {
  if (state === null) return 'device_unknown';
  if (state.status === 'revoked') return 'device_revoked';
  if (state.status === 'pending') return 'device_pending';
  if (state.alarms.includes('cloned_key')) return 'device_cloned';
  if (state.decision === null || state.seenAt === null) return 'not_judged';
  if (isOutdated(state, terms, now)) return 'outdated';
  return state.decision.decision.access === 'allow' ? null : 'not_healthy';
}

/**
 * Whether the certificates that a device holds are taken back. Silence takes none back: a laptop that sleeps has done
 * nothing wrong, and what it holds ends by itself within a day. Pure.
 */
export function losesCertificates(state: DeviceState): boolean {
  if (state.status === 'revoked' || state.alarms.includes('cloned_key')) return true;
  const decision = state.decision?.decision;
  return decision?.access === 'deny' && decision.reason !== 'agent-silent';
}

/** In a word, why what a device holds is taken back. Pure. */
export function becauseOf(state: DeviceState): string {
  return state.status === 'live' ? (state.decision?.decision.reason ?? '') : state.status;
}
