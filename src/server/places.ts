import { randomUUIDv7 } from 'node:crypto';
import type { ServerConfig } from './config.ts';
import { anomalyTitle, placeAnomalies, type Anomaly, type Seen } from './geo.ts';
import { openPlaces, type Locate } from './geo-database.ts';
import { judgeChanged } from './judge-changed.ts';
import type { Services } from './services.ts';
import { severeSignal, takeSignal } from './signals/take-signal.ts';
import { SEVERITIES } from './signals/signal.ts';
import { insertPlace, placesOf } from './store/places.ts';
import type { Db } from './store/store.ts';

/** Where devices dial from. */
export type Places = {
  /**
   * Takes note of where a device is seen, and tells what is strange about it as a signal of the source `places`. An
   * address of no place that is known (private, shared, not in the database) changes nothing. `at` is in milliseconds.
   */
  observePlace(device: string, address: string, at: number): Promise<void>;
};

export const PLACES_SOURCE = 'places';

export type PlacesSettings = ServerConfig['places'];

type Parts = { judging: Services['judging']; locate: Locate; settings: PlacesSettings };

/** Null where no database is named: then nobody looks at where anybody is. */
export async function createPlaces(
  judging: Services['judging'],
  settings: PlacesSettings,
): Promise<Places | null> {
  if (settings.database === undefined) return null;
  const parts = { judging, settings, locate: await openPlaces(settings.database) };
  return { observePlace: (device, address, at) => observe(parts, device, address, at) };
}

async function observe({ judging, locate, settings }: Parts, device: string, address: string, at: number) {
  const place = locate(address);
  if (place === null) return;
  const next: Seen = { ...rounded(place), at };
  await judgeChanged(judging, device, async (db, state) => {
    const anomalies = placeAnomalies(await placesOf(db, device), next, settings);
    await insertPlace(db, device, next);
    if (anomalies.length === 0) return state;
    for (const anomaly of anomalies) await tell(db, { device, anomaly, next, settings });
    return { ...state, signal: await severeSignal(db, device) };
  });
}

/** To some ten kilometres: enough to tell a journey, and no more than that. */
function rounded<P extends { latitude: number; longitude: number }>(place: P): P {
  return { ...place, latitude: tenth(place.latitude), longitude: tenth(place.longitude) };
}

function tenth(degrees: number): number {
  return Math.round(degrees * 10) / 10;
}

type Told = { device: string; anomaly: Anomaly; next: Seen; settings: PlacesSettings };

async function tell(db: Db, { device, anomaly, next, settings }: Told): Promise<void> {
  const what = anomaly.kind === 'new-country' ? `new-country:${anomaly.country}` : anomaly.kind;
  const severity = SEVERITIES.indexOf(
    anomaly.kind === 'new-country' ? settings.newCountry : settings.impossibleTravel,
  );
  const signal = {
    id: `${device}:${what}`,
    device: { id: device },
    severity,
    state: 'open' as const,
    title: anomalyTitle(anomaly, next),
  };
  await takeSignal(
    db,
    { source: PLACES_SOURCE, webhook: randomUUIDv7(), signal, at: next.at },
    device,
    next.at,
  );
}
