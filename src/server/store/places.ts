import type { Seen } from '../geo.ts';
import type { Db } from './store.ts';

/** What is remembered of a device: enough to know its countries, and bounded. */
const MOST = 20;

/** The latest first. */
export async function placesOf(db: Db, device: string): Promise<Seen[]> {
  const rows = await db
    .selectFrom('places')
    .selectAll()
    .where('device', '=', device)
    .orderBy('at', 'desc')
    .limit(MOST)
    .execute();
  return rows.map(({ country, latitude, longitude, radius_km: radiusKm, at }) => ({
    country,
    latitude,
    longitude,
    radiusKm,
    at,
  }));
}

/** The same place again moves its time; of others the oldest are forgotten. */
export async function insertPlace(db: Db, device: string, place: Seen): Promise<void> {
  const { country, latitude, longitude, radiusKm, at } = place;
  await db
    .insertInto('places')
    .values({ device, country, latitude, longitude, radius_km: radiusKm, at })
    .onConflict((conflict) =>
      conflict
        .columns(['device', 'country', 'latitude', 'longitude'])
        .doUpdateSet({ at, radius_km: radiusKm }),
    )
    .execute();
  const kept = db
    .selectFrom('places')
    .select('at')
    .where('device', '=', device)
    .orderBy('at', 'desc')
    .limit(MOST);
  await db.deleteFrom('places').where('device', '=', device).where('at', 'not in', kept).execute();
}
