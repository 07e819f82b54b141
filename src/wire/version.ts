/**
 * The protocol's version: one integer. Unknown members of a frame and unknown checks of a report are kept or
 * ignored, never an error, so most growth needs no bump. A bump is for a change that an older peer would misread.
 *
 * 1 (2026-11-20): first.
 */
export const PROTOCOL_CURRENT = 1;
export const PROTOCOL_OLDEST = 1;

/** Both as WebSocket subprotocol and as the name of the whole. */
export const SUBPROTOCOL = 'posture.v1';

/** EAT profile: freezes the meaning of every private claim of a report. */
export const EAT_PROFILE = 'tag:drawbridge.example,2026:posture#1';

export type VersionRange = { oldest: number; current: number };

export const OUR_VERSIONS: VersionRange = { oldest: PROTOCOL_OLDEST, current: PROTOCOL_CURRENT };

/** The newest version that both speak, or null. */
export function agreeOn(theirs: VersionRange, ours: VersionRange = OUR_VERSIONS): number | null {
  const newest = Math.min(theirs.current, ours.current);
  return newest >= Math.max(theirs.oldest, ours.oldest) ? newest : null;
}
