import { open, type CityResponse, type Reader } from 'maxmind';
import { messageOf } from '../base/errors.ts';
import { isWithin, normalAddress } from './addresses.ts';
import type { Place } from './geo.ts';
import { StartError } from './start-error.ts';

/** Where an address is; null where nobody can say. */
export type Locate = (address: string) => Place | null;

/** Addresses that are in no place: private, shared (CGNAT), local, documentation, multicast. */
const NOWHERE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/127',
  '64:ff9b:1::/48',
  '2001:db8::/32',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
];

/** Opens a database in MaxMind's format with countries and coordinates (GeoLite2 City and its like). Throws `StartError`. */
export async function openPlaces(file: string): Promise<Locate> {
  const database = await open<CityResponse>(file).catch((error: unknown) => {
    throw new StartError(`${file} (places.database) cannot be used: ${messageOf(error)}`);
  });
  return (text) => {
    const address = normalAddress(text);
    if (address === null || isWithin(address, NOWHERE)) return null;
    return placeOf(lookup(database, address));
  };
}

/** A database of IPv4 alone knows no IPv6, and a damaged one may lead anywhere. */
function lookup(database: Reader<CityResponse>, address: string): CityResponse | null {
  try {
    return database.get(address);
  } catch {
    return null;
  }
}

function placeOf(found: CityResponse | null): Place | null {
  const country = found?.country?.iso_code ?? found?.registered_country?.iso_code;
  const { latitude, longitude, accuracy_radius: radiusKm = 0 } = found?.location ?? {};
  if (typeof country !== 'string' || !/^[A-Z]{2}$/.test(country)) return null;
  if (!isDegrees(latitude, 90) || !isDegrees(longitude, 180)) return null;
  return { country, latitude, longitude, radiusKm: Number.isFinite(radiusKm) && radiusKm > 0 ? radiusKm : 0 };
}

function isDegrees(value: unknown, most: number): value is number {
  return typeof value === 'number' && Math.abs(value) <= most;
}
