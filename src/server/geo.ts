/** Where an address is, as far as a database of places knows; `radiusKm` is how sure it is. */
export type Place = { country: string; latitude: number; longitude: number; radiusKm: number };

/** A place at which a device was seen; `at` is in milliseconds. */
export type Seen = Place & { at: number };

export type Anomaly =
  | { kind: 'impossible-travel'; from: Seen; km: number; hours: number }
  | { kind: 'new-country'; country: string };

export type PlaceRules = {
  /** Faster than this between two places is impossible. */
  maxKmPerHour: number;
  /** Nearer than this is no travel: a database errs by so much. */
  minKm: number;
};

/** Places known before a country can be new. */
const MIN_HISTORY = 3;
const EARTH_KM = 6_371;
const HOUR_MS = 3_600_000;

/**
 * What is strange about a device being seen at a place now. Pure. `before` are the places at which it was seen, the
 * latest first; a place that is not known is in neither.
 */
export function placeAnomalies(before: readonly Seen[], next: Seen, rules: PlaceRules): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const travel = impossibleTravel(before, next, rules);
  if (travel !== null) anomalies.push(travel);
  const isNew = before.length >= MIN_HISTORY && before.every(({ country }) => country !== next.country);
  if (isNew) anomalies.push({ kind: 'new-country', country: next.country });
  return anomalies;
}

function impossibleTravel(before: readonly Seen[], next: Seen, rules: PlaceRules): Anomaly | null {
  const last = before.toSorted((a, b) => b.at - a.at)[0];
  if (last === undefined) return null;
  // As near as the two may really be: what the database is not sure of counts in the device's favour.
  const km = Math.max(0, distanceKm(last, next) - last.radiusKm - next.radiusKm);
  const hours = Math.abs(next.at - last.at) / HOUR_MS;
  if (km < rules.minKm || km <= rules.maxKmPerHour * hours) return null;
  return { kind: 'impossible-travel', from: last, km: Math.round(km), hours };
}

function halfChord(from: number, to: number): number {
  return Math.sin((to - from) / 2) ** 2;
}

/** Along a great circle. */
export function distanceKm(a: Place, b: Place): number {
  const [phiA, phiB] = [radians(a.latitude), radians(b.latitude)];
  const chord =
    halfChord(phiA, phiB) +
    Math.cos(phiA) * Math.cos(phiB) * halfChord(radians(a.longitude), radians(b.longitude));
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(chord)));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

/** One line for the helpdesk; no address in it. */
export function anomalyTitle(anomaly: Anomaly, next: Seen): string {
  if (anomaly.kind === 'new-country') return `VPN login from a new country: ${anomaly.country}`;
  const { from, km, hours } = anomaly;
  const time = hours < 1 ? `${Math.round(hours * 60)} minutes` : `${Math.round(hours)} hours`;
  return `VPN logins ${km} km apart (${from.country}, ${next.country}) within ${time}`;
}
